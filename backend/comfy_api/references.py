"""Finds where a workflow names assets: `{"__type": "core/ASSET", "info": {"id": …}}` in place of a file name. Pure functions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

KIND = "core/ASSET"


@dataclass(frozen=True, kw_only=True)
class Reference:
    # None where the reference is malformed.
    asset_id: str | None
    replace_with: Callable[[str], None]


def references_in(workflow: dict[str, Any]) -> Iterator[Reference]:
    """Yield every reference, at any depth."""
    containers: list[Any] = [workflow]
    while containers:
        container = containers.pop()
        entries = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in list(entries):
            if isinstance(value, dict) and value.get("__type") == KIND:
                info = value.get("info")
                asset_id = info.get("id") if isinstance(info, dict) else None
                yield Reference(
                    asset_id=asset_id if isinstance(asset_id, str) else None,
                    replace_with=_setter(container, key),
                )
            elif isinstance(value, dict | list):
                containers.append(value)


def _setter(container: Any, key: Any) -> Callable[[str], None]:
    def replace_with(name: str) -> None:
        container[key] = name

    return replace_with
