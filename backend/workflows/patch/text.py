"""A patch as text, one line for each change that a person cares about."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from backend.workflows.parsing import as_dict, as_list
from backend.workflows.patch.changes import Change, Section

MAX_VALUE = 200
# Follow from the links, which have lines of their own.
_DERIVED = ("links", "link", "order")


def as_text(changes: Iterable[Change]) -> str:
    return "\n".join(line for change in changes for line in _lines(change))


def _lines(change: Change) -> Iterator[str]:
    inside = f" in subgraph {change.graph}" if change.graph else ""
    if change.section is Section.FIELD:
        return
    if change.before is None or change.after is None:
        sign, entry = ("+", change.after) if change.before is None else ("-", change.before)
        yield f"{sign} {change.section} {_named(change, entry)}{inside}"
        return
    for path, before, after in _differences(change.before, change.after, ""):
        yield f"~ {change.section} {_named(change, change.after)}{inside}: {path}: {_short(before)} → {_short(after)}"


def _named(change: Change, entry: Any) -> str:
    if change.section is Section.NODE:
        node = as_dict(entry)
        title = node.get("title") or as_dict(node.get("_meta")).get("title")
        return f"{change.key} {node.get('type') or node.get('class_type')}" + (f" “{title}”" if title else "")
    if isinstance(entry, dict):
        origin, slot, target, at = (
            entry.get(f"{end}_{part}") for end in ("origin", "target") for part in ("id", "slot")
        )
    else:
        origin, slot, target, at = (*as_list(entry)[1:5], *[None] * 4)[:4]
    return f"{origin}.{slot} → {target}.{at}"


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            if key not in _DERIVED:
                yield from _differences(
                    before.get(key), after.get(key), f"{path}.{key}" if path else str(key)
                )
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, pair in enumerate(zip(before, after, strict=True)):
            yield from _differences(*pair, f"{path}[{position}]")
    elif before != after:
        yield path, before, after


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
