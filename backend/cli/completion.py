"""What the shell completes with: whatever the control plane tells at once, and otherwise nothing."""

import contextlib

from backend.cli.errors import CommandError
from backend.cli.lazy import running_control_plane
from backend.core.formatting import format_bytes
from backend.core.model_folders import MODEL_FOLDERS

Choices = list[tuple[str, str]]


def preset_ids(incomplete: str) -> Choices:
    """Ids with their titles."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        presets = [summary.preset for summary in plane.presets()]
        return [(preset.id, preset.title) for preset in presets if preset.id.startswith(incomplete)]
    return []


def transfer_names(incomplete: str) -> Choices:
    """File names with their states."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        transfers = plane.transfers()
        return [(row.filename, row.state) for row in transfers if row.filename.startswith(incomplete)]
    return []


def model_paths(incomplete: str) -> Choices:
    """Models by their paths, with their sizes."""
    with contextlib.suppress(CommandError), running_control_plane() as plane:
        models = plane.models()
        return [
            (model.path, format_bytes(model.bytes)) for model in models if model.path.startswith(incomplete)
        ]
    return []


def folders(incomplete: str) -> list[str]:
    """ComfyUI's model folders."""
    return sorted(folder for folder in MODEL_FOLDERS if folder.startswith(incomplete))
