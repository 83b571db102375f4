"""`python -m backend.agents.tool_host FILE [NAME]`: describe the functions of a user's file, or call one of them.

It runs in a process of its own, because a user's file may do anything: print, block, end the process. The result is one JSON object on
stdout; arguments come as JSON on stdin.
"""

import asyncio
import contextlib
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from pydantic import TypeAdapter
from pydantic_core import ArgsKwargs, to_jsonable_python

# A function of the user, with unknown type hints.
Function: TypeAlias = Any


def main(file: str, name: str | None = None) -> int:
    """Print the result, or an error and return 1. Output of the file itself goes to stderr."""
    answer: dict[str, Any]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            functions = functions_of(load(Path(file)))
            answer = {"tools": describe(functions)} if name is None else {"result": call(functions[name])}
        except BaseException as error:  # noqa: BLE001 - whatever the file raises, SystemExit included
            answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))  # noqa: T201
    return 1 if "error" in answer else 0


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"user_tools_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for type hints as strings
    spec.loader.exec_module(module)
    return module


def functions_of(module: ModuleType) -> dict[str, Function]:
    """Return the public functions that the file itself defines."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }


def describe(functions: dict[str, Function]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "description": inspect.getdoc(function) or "",
            "schema": TypeAdapter(function).json_schema(),
        }
        for name, function in functions.items()
    ]


def call(function: Function) -> Any:
    """Call the function with the arguments on stdin, checked against its type hints."""
    result = TypeAdapter(function).validate_python(ArgsKwargs((), json.load(sys.stdin)))
    if inspect.isawaitable(result):
        result = asyncio.run(_awaited(result))
    return to_jsonable_python(result, fallback=str)


async def _awaited(result: Any) -> Any:
    return await result


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
