"""The remotes and the settings of the user, in one file that only its owner can read."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from backend.config.settings import Settings
from backend.core.errors import Conflict, InvalidRequest, NotFound
from backend.core.persistence import save_persistently
from backend.sync.models import ENVIRONMENT, Choice, Remote, When

log = structlog.get_logger(__name__)

MOST = 8


class Remotes:
    """Remotes by name: saved ones, and the one that environment variables describe."""

    def __init__(self, path: Path, environment: Remote | None, default: Choice):
        self._path = path
        self._environment = environment
        self._writing = Lock()
        saved = _read(path)
        self._saved = _remotes_of(saved)
        self.choice = _choice_of(saved, default)
        # Whether a restore to this volume has completed once.
        self.is_restored = bool(saved.get("restored"))

    def all(self) -> list[Remote]:
        named = {ENVIRONMENT: self._environment} if self._environment else {}
        return list({**named, **self._saved}.values())

    def get(self, name: str = "") -> Remote:
        """Return a remote; the first one when no name is given. Raise NotFound when there is none."""
        found = next((remote for remote in self.all() if name in ("", remote.name)), None)
        if found is None:
            sentence = f"No remote named `{name}`." if name else "There is no remote yet."
            raise NotFound(f"{sentence} Add one on the Sync page or with `comfypod sync remotes add`.")
        return found

    def secrets(self) -> set[str]:
        """Return the secrets, which no log and no page may show."""
        return {remote.secret for remote in self.all()}

    def save(self, remote: Remote) -> None:
        """Add or replace a remote. Without a secret, the saved one is kept if endpoint and key are the same.

        Blocks for a disk access.
        """
        if remote.name == ENVIRONMENT:
            raise Conflict(
                f"`{ENVIRONMENT}` is the remote that the variables SYNC_… describe. Choose another name."
            )
        old = self._saved.get(remote.name)
        if not remote.secret:
            if old is None or (old.endpoint, old.key_id) != (remote.endpoint, remote.key_id):
                raise InvalidRequest("Enter the secret of this access key.", code="secret_needed")
            remote = replace(remote, secret=old.secret)
        if old is None and len(self._saved) >= MOST:
            raise Conflict(f"There are {MOST} remotes already. Remove one first.")
        self._write(remotes={**self._saved, remote.name: remote})

    def remove(self, name: str) -> None:
        """Delete a remote and its key. Blocks for a disk access."""
        if name not in self._saved:
            if self._environment and name == ENVIRONMENT:
                raise Conflict("This remote comes from the variables SYNC_…: remove them there.")
            raise NotFound(f"No saved remote named `{name}`.")
        self._write(remotes={key: remote for key, remote in self._saved.items() if key != name})

    def choose(self, choice: Choice) -> None:
        self._write(choice=choice)

    def note_restored(self) -> None:
        self._write(restored=True)

    def _write(
        self,
        *,
        remotes: dict[str, Remote] | None = None,
        choice: Choice | None = None,
        restored: bool | None = None,
    ) -> None:
        with self._writing:
            remotes = self._saved if remotes is None else remotes
            choice = choice or self.choice
            restored = self.is_restored if restored is None else restored
            content = {
                "remotes": [asdict(remote) for remote in remotes.values()],
                "choice": asdict(choice),
                "restored": restored,
            }
            save_persistently(self._path, json.dumps(content).encode(), mode=0o600)
            self._saved, self.choice, self.is_restored = remotes, choice, restored


def environment_remote(settings: Settings) -> Remote | None:
    """Return the remote that variables describe; None unless bucket, key and secret are set."""
    if not (settings.sync_bucket and settings.sync_access_key_id and settings.sync_secret_access_key):
        return None
    return Remote(
        name=ENVIRONMENT,
        endpoint=str(settings.sync_endpoint) if settings.sync_endpoint else "",
        region=settings.sync_region or "",
        bucket=settings.sync_bucket,
        prefix=settings.sync_prefix,
        key_id=settings.sync_access_key_id.get_secret_value(),
        secret=settings.sync_secret_access_key.get_secret_value(),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        log.warning("the saved remotes cannot be read; add them again on the Sync page", file=path.name)
        return {}
    return content if isinstance(content, dict) else {}


def _remotes_of(content: dict[str, Any]) -> dict[str, Remote]:
    try:
        remotes = [Remote(**values) for values in content.get("remotes", [])]
    except TypeError:
        log.warning("the saved remotes cannot be read; add them again on the Sync page")
        return {}
    return {remote.name: remote for remote in remotes}


def _choice_of(content: dict[str, Any], default: Choice) -> Choice:
    saved = content.get("choice")
    if not isinstance(saved, dict):
        return default
    try:
        return Choice(when=When(saved["when"]), minutes=int(saved["minutes"]), limit=int(saved["limit"]))
    except (KeyError, TypeError, ValueError):
        return default
