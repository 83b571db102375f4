"""Safe mode: ComfyUI starts without custom nodes. A choice on the page is valid for the life of the pod."""

import json
from pathlib import Path

from backend.core.files import write_atomically


class SafeMode:
    """The choice, stored in the run folder in the file that scripts/workspace/launch.py reads."""

    def __init__(self, run_folder: Path, variable: bool):
        self._file = run_folder / "safe-mode.json"
        self._variable = variable

    def is_on(self) -> bool:
        """Return the choice made since the pod started, otherwise the variable SAFE_MODE."""
        try:
            return json.loads(self._file.read_bytes())["safe_mode"] is True
        except (OSError, ValueError, KeyError, TypeError):
            return self._variable

    def choose(self, on: bool) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, json.dumps({"safe_mode": on}).encode())
