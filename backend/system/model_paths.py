"""Additional model folders, chosen by the user. ComfyUI's service reads the choice whenever it starts."""

import json
from collections.abc import Sequence
from pathlib import Path

from backend.core.errors import InvalidRequest
from backend.core.persistence import save_persistently

MAX_PATHS = 50
MAX_PATH_LENGTH = 1000


class ModelPaths:
    """The choice, stored on the volume in the file that scripts/workspace/model_paths.py reads."""

    def __init__(self, workspace: Path):
        self._file = workspace / ".comfypod" / "model-paths.json"

    def chosen(self) -> list[str]:
        """Return the folders; none when the file cannot be read, which ComfyUI's service reports."""
        try:
            return [str(path) for path in json.loads(self._file.read_bytes())["paths"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def choose(self, paths: Sequence[str]) -> list[str]:
        """Save the folders without duplicates. Raise InvalidRequest when one cannot be used."""
        folders = list(dict.fromkeys(path.strip().rstrip("/") or "/" for path in paths if path.strip()))
        for path in folders:
            _check(path)
        save_persistently(self._file, json.dumps({"paths": folders}, indent=2).encode())
        return folders


def _check(path: str) -> None:
    shown = path[:200]
    if not path.startswith("/"):
        raise InvalidRequest(f"'{shown}' must begin with /, for example /mnt/models.")
    try:
        is_folder = Path(path).is_dir()
    except ValueError:  # a null byte
        is_folder = False
    if not is_folder:
        raise InvalidRequest(f"'{shown}' is not a folder on this pod. Mount it first, then add it here.")
