"""`python -m scripts.nodes install SOURCE|update NAME|disable NAME|enable NAME|remove NAME`: one operation.

The last line of the output is the result: what was done, or why not.
"""

import argparse
import os
import signal
import sys

from backend.core.volume_lock import LockedElsewhere, volume_lock
from scripts.nodes.errors import NodeError
from scripts.nodes.operations import Operations
from scripts.workspace.install import install_environment
from scripts.workspace.layout import layout_from
from scripts.workspace.prepare import place_beside

LOCK_SECONDS = 20.0


def main(arguments: list[str]) -> int:
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(1)
    )  # so that programs end with us and locks are released
    request = _parser().parse_args(arguments)
    layout = layout_from(os.environ)
    place = place_beside(layout)
    if place is None:
        return _fail("The workspace cannot be prepared; the overview says why.")
    operations = Operations(layout, place, install_environment(place, os.environ))
    try:
        with volume_lock(place.state / "nodes.lock", wait=LOCK_SECONDS):
            print(_run(operations, request), flush=True)
    except NodeError as error:
        return _fail(str(error))
    except LockedElsewhere as error:
        return _fail(f"Another process ({error}) changes the nodes of this volume. Try again.")
    except OSError as error:
        return _fail(f"The volume cannot be used: {error.strerror or error}.")
    return 0


def _run(operations: Operations, request: argparse.Namespace) -> str:
    name: str = request.name
    match request.operation:
        case "install":
            return f"Installed {operations.install(name, request.version, request.folder)}."
        case "update":
            return (
                f"Updated {name}." if operations.update(name, request.version) else f"{name} is up to date."
            )
        case "disable":
            operations.disable(name)
            return f"Disabled {name}."
        case "enable":
            operations.enable(name)
            return f"Enabled {name}."
        case _:
            operations.remove(name, force=request.force)
            return f"Removed {name}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.nodes")
    parser.add_argument("operation", choices=["install", "update", "disable", "enable", "remove"])
    parser.add_argument("name")
    parser.add_argument("--version", default="", help="a commit, or a version of the registry")
    parser.add_argument("--folder", default="", help="the name of a new node")
    parser.add_argument("--force", action="store_true")
    return parser


def _fail(message: str) -> int:
    print(message, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
