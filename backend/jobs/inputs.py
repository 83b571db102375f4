"""The inputs of a prompt that have a value of their own: for forms, for comparisons and for new seeds. Pure functions."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.core.errors import InvalidRequest
from backend.jobs.errors import title_of
from backend.jobs.models import Prompt

SEEDS = frozenset({"seed", "noise_seed"})
# What is changed from run to run, and so comes first in forms.
USUAL = frozenset({"steps", "cfg", "width", "height", "length", "batch_size", "denoise", "guidance", "image"})
# The editor's own limit: larger numbers lose digits in a browser.
MAX_SEED = 2**50
LONG_TEXT = 48


def is_seed(name: str) -> bool:
    """Return whether an input is a seed, by its name or its address."""
    return name.rpartition(".")[2] in SEEDS


class Field(StrEnum):
    """How an input is entered."""

    TEXT = "text"
    LINE = "line"
    NUMBER = "number"
    SEED = "seed"
    SWITCH = "switch"


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input: `6.text`, on a node with a title."""

    address: str
    name: str
    # The node's title, else its type.
    node: str
    value: Any
    field: Field

    @property
    def is_usual(self) -> bool:
        return self.field in (Field.TEXT, Field.SEED) or self.name in USUAL


def inputs_of(prompt: Prompt) -> list[Input]:
    """Return every input with a value of its own; those of links are left out. The usual ones come first."""
    return sorted(_all(prompt), key=lambda item: not item.is_usual)


def node_titles(prompt: Prompt) -> dict[str, str]:
    """Return what to call each node: its title, else its type."""
    return {
        node_id: title_of(prompt, node_id) or str(node.get("class_type", node_id))
        for node_id, node in prompt.items()
        if isinstance(node, dict)
    }


def new_seeds(prompt: Prompt) -> dict[str, int]:
    """Return another random value for each seed."""
    rng = random.SystemRandom()
    return {item.address: rng.randint(0, MAX_SEED) for item in _all(prompt) if item.field is Field.SEED}


def edited_values(prompt: Prompt, values: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a job after a form with `texts` for some inputs of `prompt` was sent.

    Each has the type that it has in the prompt. Raise InvalidRequest that names the input whose text is no number.
    """
    known = {item.address: item for item in _all(prompt)}
    entered = {address: _read(known[address], text) for address, text in texts.items() if address in known}
    changed = {address: value for address, value in entered.items() if value != known[address].value}
    return {address: value for address, value in values.items() if address not in entered} | changed


def _all(prompt: Prompt) -> Iterator[Input]:
    titles = node_titles(prompt)
    for node_id, node in prompt.items():
        for name, value in (node.get("inputs") or {}).items() if isinstance(node, dict) else ():
            if isinstance(value, str | int | float):
                yield Input(
                    address=f"{node_id}.{name}",
                    name=name,
                    node=titles[node_id],
                    value=value,
                    field=_field_of(name, value),
                )


def _field_of(name: str, value: str | float) -> Field:
    if isinstance(value, bool):
        return Field.SWITCH
    if isinstance(value, int | float):
        return Field.SEED if name in SEEDS else Field.NUMBER
    is_long = "\n" in value or len(value) > LONG_TEXT or name in ("text", "prompt")
    return Field.TEXT if is_long else Field.LINE


def _read(item: Input, text: str) -> Any:
    if isinstance(item.value, bool):
        return text == "true"
    if isinstance(item.value, str):
        return text.replace("\r\n", "\n")
    try:
        return int(text) if isinstance(item.value, int) else float(text)
    except ValueError:
        kind = "a whole number" if isinstance(item.value, int) else "a number"
        raise InvalidRequest(
            f"{item.node}: {item.name} is not {kind}. Correct it and submit again.",
            code="invalid_input",
            input=item.address,
        ) from None
