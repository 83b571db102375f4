"""What a node type declares, read from ComfyUI's `/object_info`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_list, as_text

COMBO, DYNAMIC_COMBO, AUTOGROW = "COMBO", "COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3"
# Types that the editor shows as widgets, with the value that a new node has.
WIDGET_DEFAULTS: Mapping[str, Any] = {
    "INT": 0,
    "FLOAT": 0,
    "STRING": "",
    "BOOLEAN": False,
    COMBO: None,
    DYNAMIC_COMBO: None,
    "COLOR": "#000000",
    "COLORS": None,
    "MARKDOWN": "",
    "TEXTAREA": "",
    "BOUNDING_BOX": None,
    "BOUNDING_BOXES": None,
    "CURVE": None,
    "RANGE": None,
    "PAINTER": "",
    "COMPOSITOR": "",
    "CHART": None,
    "GALLERIA": None,
    "IMAGECOMPARE": None,
    "VIDEO_EDIT": None,
    "LOAD_3D": None,
    "WEBCAM": None,
    "AUDIO_RECORD": None,
}
_SEEDS = ("seed", "noise_seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSignature:
    """One input of a node type: a widget with a value, or a socket for links."""

    name: str
    type: str
    required: bool = True
    options: Json = field(default_factory=dict)
    # What a menu offers.
    choices: tuple[Any, ...] = ()

    @classmethod
    def read(cls, name: str, spec: Any, *, required: bool) -> Self:
        """Read `["INT", {…}]`, or `[[choices], {…}]` as older nodes write a menu."""
        parts = as_list(spec)
        options = as_dict(parts[1]) if len(parts) > 1 else {}
        kind = parts[0] if parts else "*"
        menu = kind if isinstance(kind, list) else as_list(options.get("options"))
        return cls(
            name=name,
            type=as_text(options.get("widgetType")) or (COMBO if isinstance(kind, list) else str(kind)),
            required=required,
            options=options,
            choices=tuple(menu),
        )

    @property
    def is_widget(self) -> bool:
        return self.type in WIDGET_DEFAULTS and not self.options.get("forceInput")

    @property
    def has_control(self) -> bool:
        """Return whether `control_after_generate` follows it: the editor then changes the value after each run."""
        told = self.options.get("control_after_generate")
        return bool(self.name in _SEEDS and self.type == "INT" if told is None else told)

    @property
    def default(self) -> Any:
        """The value of a new node."""
        if "default" in self.options:
            return self.options["default"]
        if self.type == COMBO:
            return self.choices[0] if self.choices else None
        if self.type == DYNAMIC_COMBO:
            return next(iter(self.branches), None)
        return WIDGET_DEFAULTS.get(self.type)

    @property
    def branches(self) -> dict[Any, tuple["InputSignature", ...]]:
        """The inputs that each choice of a dynamic menu brings."""
        options = map(as_dict, self.choices)
        return {
            option["key"]: tuple(read_inputs(as_dict(option.get("inputs")), prefix=f"{self.name}."))
            for option in options
            if isinstance(option.get("key"), (str, int, float))
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSignature:
    """A node type: its inputs in the editor's order, and the types of its outputs."""

    name: str
    title: str
    inputs: tuple[InputSignature, ...]
    outputs: tuple[str, ...]
    is_output: bool

    @classmethod
    def read(cls, name: str, info: Any) -> Self:
        info = as_dict(info)
        order = as_dict(info.get("input_order"))
        return cls(
            name=name,
            title=as_text(info.get("display_name")) or name,
            inputs=tuple(read_inputs(as_dict(info.get("input")), order)),
            outputs=tuple(kind if isinstance(kind, str) else COMBO for kind in as_list(info.get("output"))),
            is_output=bool(info.get("output_node")),
        )

    def input(self, name: str) -> InputSignature | None:
        return next((item for item in self.inputs if item.name == name), None)


class Signatures:
    """Node types by name, each read when it is first asked for."""

    def __init__(self, object_info: Json):
        self._info = object_info
        self._read: dict[str, NodeSignature] = {}

    def get(self, name: str) -> NodeSignature | None:
        if name not in self._read:
            if name not in self._info:
                return None
            self._read[name] = NodeSignature.read(name, self._info[name])
        return self._read[name]


def read_inputs(groups: Json, order: Json | None = None, prefix: str = "") -> Iterator[InputSignature]:
    """Yield the inputs of `{"required": {…}, "optional": {…}}`, in the order that the node gives."""
    for group in ("required", "optional"):
        specs = as_dict(groups.get(group))
        named = [name for name in as_list((order or {}).get(group)) if name in specs]
        for name in dict.fromkeys((*named, *specs)):
            yield InputSignature.read(f"{prefix}{name}", specs[name], required=group == "required")
