"""Read ComfyUI's official workflow templates, which name the models that they need.

They come from the package `comfyui-workflow-templates-json`: `index.json` with a title, a description and
tags for each, and the workflow itself, whose nodes list their files in `properties.models`.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import structlog
from pydantic import ValidationError

from backend.presets.models import Origin, Preset, PresetFile

log = structlog.get_logger(__name__)

PACKAGE = "comfyui_workflow_templates_json"
NAMES_MODELS = b'"directory"'  # avoids parsing 20 MB of workflows that need no files
VERSION = re.compile(r"[\s._-]*(?:\b[A-Z]|v)?\d")
SHA256 = re.compile(r"^[0-9a-f]{64}$")


def index() -> list[dict[str, Any]]:
    """Return the groups of the index, each with a `title`, a `type` and its `templates`."""
    groups: list[dict[str, Any]] = json.loads(content_of("index"))
    return groups


def content_of(name: str) -> bytes:
    """Return the JSON of a template. FileNotFoundError when there is none of that name."""
    return (resources.files(PACKAGE) / "templates" / f"{name}.json").read_bytes()


@cache
def read_official() -> tuple[Preset, ...]:
    """Return every template that needs files; those that only call paid services need none.

    The package cannot change while the process runs, so it is read once.
    """
    presets = (_preset(group["title"], entry) for group in index() for entry in group["templates"])
    return tuple(preset for preset in presets if preset)


def _preset(category: str, entry: dict[str, Any]) -> Preset | None:
    name = entry["name"]
    try:
        content = content_of(name)
        files = _files(json.loads(content)) if NAMES_MODELS in content else ()
        if not files:
            return None
        return Preset(
            id=re.sub(r"[^a-z0-9._-]", "-", name.lower()),
            title=entry["title"],
            category=category,
            description=entry.get("description", ""),
            tags=tuple(entry.get("tags", ())),
            disk_bytes=entry.get("size") or None,
            workflow=name,
            families=tuple(dict.fromkeys(map(_family_of, entry.get("models", ()))))[:20],
            released=entry.get("date") or None,
            popularity=entry.get("usage") or 0,
            origin=Origin.OFFICIAL,
            files=files,
        )
    except (OSError, ValueError, KeyError, ValidationError) as error:
        log.warning("an official template was left out", template=name, reason=str(error))
        return None


def _family_of(model: str) -> str:
    """Return `Wan` for `Wan2.1`, and `Qwen Image` for `Qwen Image 2.1`."""
    return VERSION.split(model, maxsplit=1)[0] or model


def _files(workflow: dict[str, Any]) -> tuple[PresetFile, ...]:
    found: dict[tuple[str, str], PresetFile] = {}
    for model in _models(workflow):
        file = PresetFile(
            folder=model["directory"],
            filename=model["name"],
            url=model["url"].removesuffix("?download=true"),
            sha256=_sha256(model),
        )
        found.setdefault((file.folder, file.filename), file)
    return tuple(found.values())


def _models(part: Any) -> Iterable[dict[str, Any]]:
    """Yield every entry of every `properties.models`, also inside subgraphs."""
    if isinstance(part, list):
        for item in part:
            yield from _models(item)
    elif isinstance(part, dict):
        properties = part.get("properties")
        if isinstance(properties, dict) and isinstance(properties.get("models"), list):
            yield from properties["models"]
        for value in part.values():
            yield from _models(value)


def _sha256(model: dict[str, Any]) -> str | None:
    value = str(model.get("hash", "")).lower()
    return value if model.get("hash_type") == "SHA256" and SHA256.match(value) else None
