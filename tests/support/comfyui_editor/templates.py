"""The official templates that run without a paid API."""

import json
from importlib import resources
from typing import Any

FOLDER = resources.files("comfyui_workflow_templates_json") / "templates"


def template_names() -> list[str]:
    groups = json.loads((FOLDER / "index.json").read_bytes())
    listed = [entry for group in groups for entry in group["templates"]]
    return [entry["name"] for entry in listed if entry.get("openSource") is not False]


def template(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    return found
