"""More folders with models, chosen by the pod's owner. ComfyUI's service reads the choice whenever it starts."""

import json
from collections.abc import Sequence
from pathlib import Path

from backend.core.errors import InvalidRequest
from backend.core.persistence import keep

MOST_PATHS = 50
LONGEST_PATH = 1000


class ModelPaths:
    """Kept on the volume, in the file that scripts/workspace/model_paths.py reads."""

    def __init__(self, workspace: Path):
        self._file = workspace / ".comfypod" / "model-paths.json"

    def chosen(self) -> list[str]:
        """Empty also where the file cannot be read: ComfyUI's service says so in its report."""
        try:
            return [str(path) for path in json.loads(self._file.read_bytes())["paths"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def choose(self, paths: Sequence[str]) -> list[str]:
        """Keeps the folders, each once; InvalidRequest names one that cannot be used."""
        wanted = list(dict.fromkeys(path.strip().rstrip("/") or "/" for path in paths if path.strip()))
        for path in wanted:
            _check(path)
        keep(self._file, json.dumps({"paths": wanted}, indent=2).encode())
        return wanted


def _check(path: str) -> None:
    shown = path[:200]
    if not path.startswith("/"):
        raise InvalidRequest(f"'{shown}' should begin with /, as in /mnt/models.")
    try:
        is_folder = Path(path).is_dir()
    except ValueError:  # a null byte
        is_folder = False
    if not is_folder:
        raise InvalidRequest(f"'{shown}' is no folder on this pod. Mount it first, then name it here.")
