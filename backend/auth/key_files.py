"""API keys on disk: a small file for each key, so that pods which share a volume do not overwrite each other's keys.

Beside `ID.json`, the modification time of `ID.used` is when the key was last used. Noting a use therefore never
rewrites a key, and cannot bring one back that another pod has revoked.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from backend.auth.models import ApiKey
from backend.core.errors import Unavailable
from backend.core.persistence import save_persistently

LARGEST = 4096


@dataclass(frozen=True, kw_only=True)
class StoredKeys:
    keys: list[ApiKey] = field(default_factory=list)
    last_used: dict[str, datetime] = field(default_factory=dict)
    # Names of files that hold no valid key.
    unreadable: list[str] = field(default_factory=list)


class KeyFiles:
    """Every method blocks for disk accesses."""

    def __init__(self, folder: Path):
        self._folder = folder

    def read(self) -> StoredKeys:
        """Read every key. OSError when the folder cannot be read."""
        stored = StoredKeys()
        if not self._folder.exists():
            return stored
        for path in sorted(self._folder.glob("*.json")):
            key = _read(path)
            if key:
                stored.keys.append(key)
            else:
                stored.unreadable.append(path.name)
        for path in self._folder.glob("*.used"):
            stored.last_used[path.stem] = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return stored

    def write(self, key: ApiKey) -> None:
        """Unavailable when the volume does not take it."""
        save_persistently(self._path(key.id), key.model_dump_json(indent=2).encode(), mode=0o600)

    def remove(self, key: ApiKey) -> None:
        try:
            self._path(key.id).unlink(missing_ok=True)
            self._use_path(key.id).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"{key.name} is refused from now on, but would be valid again after a restart: its file cannot be "
                f"deleted ({error.strerror}). Delete {self._path(key.id)}."
            ) from error

    def save_last_use(self, uses: Mapping[str, datetime]) -> None:
        for key_id, moment in uses.items():
            if self._path(key_id).exists():
                path = self._use_path(key_id)
                path.touch()
                os.utime(path, (moment.timestamp(), moment.timestamp()))

    def _path(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.json"

    def _use_path(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.used"


def _read(path: Path) -> ApiKey | None:
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            return None
        with path.open("rb") as file:
            key = ApiKey.model_validate_json(file.read(LARGEST))
    except (OSError, ValidationError):
        return None
    return key if key.id == path.stem else None
