"""Node types out of an `/object_info` of a real ComfyUI: they take what it says, and return something of the right type.

So any workflow can be validated and run here. Results have nothing to do with the inputs, apart from the files: an
output node saves what it is given.
"""

import copy
import hashlib
import io
import json
import wave
from pathlib import Path
from typing import Any

import folder_paths
import media
import nodes


def load(path: Path, *, replace: bool = False) -> None:
    """Declare every node type that is not there already; with `replace`, also those that are."""
    for name, info in json.loads(path.read_text()).items():
        if replace or name not in nodes.NODE_CLASS_MAPPINGS:
            nodes.NODE_CLASS_MAPPINGS[name] = make(name, info)
        nodes.NODE_DISPLAY_NAME_MAPPINGS.setdefault(name, info.get("display_name", name))


def make(name: str, info: dict[str, Any]) -> type:
    returns = tuple(info.get("output", ()))
    declared = {**info["input"]}
    if info.get("output_node"):
        declared["hidden"] = {**declared.get("hidden", {}), **nodes.SAVED_WITH}

    def run(_self: Any, prompt: Any = None, extra_pnginfo: Any = None, **given: Any) -> dict[str, Any]:
        shown = show(given, nodes.metadata(prompt, extra_pnginfo)) if info.get("output_node") else {}
        return {"ui": shown, "result": tuple(value(kind, given) for kind in returns)}

    return type(
        name,
        (),
        {
            "INPUT_TYPES": classmethod(lambda _cls: with_input_files(declared)),
            "RETURN_TYPES": returns,
            "RETURN_NAMES": tuple(info.get("output_name", returns)),
            "FUNCTION": "run",
            "OUTPUT_NODE": info.get("output_node") is True,
            "CATEGORY": info.get("category", ""),
            "DESCRIPTION": info.get("description", ""),
            "RELATIVE_PYTHON_MODULE": info.get("python_module", "nodes"),
            "run": run,
        },
    )


def with_input_files(declared: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs, menus of files with what is in the input folder by now."""
    files = sorted(path.name for path in Path(folder_paths.get_input_directory()).iterdir() if path.is_file())
    found = copy.deepcopy(declared)
    for spec in (spec for group in ("required", "optional") for spec in found.get(group, {}).values()):
        options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
        if any(name.endswith("_upload") for name in options):
            menu = spec[0] if isinstance(spec[0], list) else options.setdefault("options", [])
            menu += [name for name in files if name not in menu]
    return found


def value(kind: Any, given: dict[str, Any]) -> Any:
    """Return something of that type, the same for the same inputs."""
    number = int.from_bytes(hashlib.sha256(repr(given).encode()).digest()[:3], "big")
    plain = {"INT": number, "FLOAT": number / 256, "STRING": f"text {number}", "BOOLEAN": True}
    if isinstance(kind, str) and kind in plain:
        return plain[kind]
    return nodes.Images([(64, 64, number)])


def show(given: dict[str, Any], tags: media.Metadata) -> dict[str, Any]:
    """Save what an output node is given, under the name it is given, in the form that its inputs ask for."""
    prefix = str(given.get("filename_prefix", "ComfyUI"))
    if "video" in given:
        return {"images": nodes.save("output", prefix, ".mp4", [media.mp4(tags)]), "animated": (True,)}
    if "audio" in given:
        return {"audio": nodes.save("output", prefix, ".wav", [silence()])}
    if "images" in given or "image" in given:
        pictures = [media.png(width, height, color, tags) for width, height, color in images(given)]
        return {"images": nodes.save("output", prefix, ".png", pictures)}
    if "mesh" in given or "model_3d" in given:
        return {"3d": nodes.save("output", prefix, ".glb", [glb()])}
    return {"text": [repr(given)]}


def images(given: dict[str, Any]) -> nodes.Images:
    found = given.get("images", given.get("image"))
    return found if isinstance(found, nodes.Images) else nodes.Images([(64, 64, 0)])


def silence() -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return content.getvalue()


def glb() -> bytes:
    """Return a model of nothing."""
    described = b'{"asset":{"version":"2.0"}} '
    chunk = len(described).to_bytes(4, "little") + b"JSON" + described
    return b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunk)).to_bytes(4, "little") + chunk
