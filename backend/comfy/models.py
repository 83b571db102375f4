"""What ComfyUI tells about itself."""

from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """A kind of node, as `/object_info` describes it."""

    # Where it comes from: `nodes` for ComfyUI's own, `custom_nodes.NAME` for an installed one.
    module: str
    # The inputs with a menu, and what each menu offers.
    menus: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_info(cls, info: dict[str, Any]) -> Self:
        inputs = info.get("input") or {}
        kinds = [inputs.get(kind) or {} for kind in ("required", "optional")]
        menus = {name: _menu(spec) for kind in kinds for name, spec in kind.items()}
        return cls(
            module=str(info.get("python_module", "")),
            menus={name: menu for name, menu in menus.items() if menu is not None},
        )


def _menu(spec: Any) -> tuple[str, ...] | None:
    """`[[options], {…}]` or `["COMBO", {"options": […]}]`; None for an input without a menu."""
    if not isinstance(spec, list) or not spec:
        return None
    options = spec[0]
    if options == "COMBO":
        options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
    return tuple(str(option) for option in options) if isinstance(options, list) else None
