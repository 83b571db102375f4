"""Suggestions for the shell. Without a control plane that answers at once there are none."""

import contextlib

from backend.cli.errors import CommandError
from backend.cli.lazy import running_control_plane
from backend.core.formatting import format_bytes
from backend.core.model_folders import MODEL_FOLDERS

Choices = list[tuple[str, str]]


def preset_ids(incomplete: str) -> Choices:
    """Return ids with their titles."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        presets = [summary.preset for summary in plane.run(plane.presets.search())]
        return [(preset.id, preset.title) for preset in presets if preset.id.startswith(incomplete)]
    return []


def template_ids(incomplete: str) -> Choices:
    """Return ids with their titles."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        templates = plane.run(plane.templates.search())
        return [(entry.id, entry.title) for entry in templates if entry.id.startswith(incomplete)]
    return []


def transfer_names(incomplete: str) -> Choices:
    """Return file names with their states."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        transfers = plane.run(plane.downloads.search())
        return [(row.filename, row.state) for row in transfers if row.filename.startswith(incomplete)]
    return []


def model_paths(incomplete: str) -> Choices:
    """Return the paths of models with their sizes."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        models = plane.run(plane.storage.models())
        return [
            (model.path, format_bytes(model.bytes)) for model in models if model.path.startswith(incomplete)
        ]
    return []


def folders(incomplete: str) -> list[str]:
    """Return ComfyUI's model folders."""
    return sorted(folder for folder in MODEL_FOLDERS if folder.startswith(incomplete))
