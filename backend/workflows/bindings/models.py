"""A natural input of a workflow."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.workflows.signatures import COMBO, InputSignature

# Options that mark a menu of files, and what the files are.
UPLOADS = {"image_upload": "image", "video_upload": "video", "audio_upload": "audio", "file_upload": "file"}
SIZES = frozenset({"width", "height", "length", "batch_size", "megapixels", "duration", "seconds", "fps"})
SEEDS = frozenset({"seed", "noise_seed"})
# Lists of files grow while the pod runs: their menus are suggestions.
MODEL_SUFFIXES = (".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin", ".onnx")


class Kind(StrEnum):
    """What an input is for, in the order of a form."""

    PROMPT = "prompt"
    FILE = "file"
    SIZE = "size"
    STEPS = "steps"
    SEED = "seed"
    VALUE = "value"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One input: what it is called, what it may be, and where it belongs."""

    # Unique among the bindings of a workflow: `prompt`, `seed`, `width`.
    name: str
    title: str
    kind: Kind
    # The running node, or the instance of a subgraph, and its widget.
    node_id: str
    input: str
    signature: InputSignature
    default: Any
    # What the editor does to the value after each run; None where it does nothing.
    control: str | None = None
    # Part of the form. The others can be set by their address.
    natural: bool = True

    @property
    def address(self) -> str:
        return f"{self.node_id}.{self.input}"


def kind_of(signature: InputSignature, value: Any, title: str = "") -> Kind:
    """Return what a widget is for, from its declaration, its name and what the file calls it."""
    name = signature.name.rpartition(".")[2]
    is_number, options = signature.type in ("INT", "FLOAT"), signature.options
    rules = {
        Kind.FILE: any(options.get(upload) for upload in UPLOADS),
        Kind.PROMPT: signature.type == "STRING" and bool(options.get("multiline")),
        Kind.SEED: signature.type == "INT"
        and (name in SEEDS or (signature.has_control and "seed" in title.lower())),
        Kind.SIZE: is_number and name in SIZES,
        Kind.STEPS: signature.type == "INT" and name == "steps",
        Kind.MODEL: signature.type == COMBO and str(value).lower().endswith(MODEL_SUFFIXES),
    }
    return next((kind for kind, applies in rules.items() if applies), Kind.VALUE)


def media_of(signature: InputSignature) -> str:
    """Return what a menu of files has: `image`, `video`, `audio` or `file`."""
    return next((media for option, media in UPLOADS.items() if signature.options.get(option)), "file")
