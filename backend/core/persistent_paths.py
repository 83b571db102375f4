"""Paths of the user's settings, keys, presets and queue: on the volume, so that they outlive the pod.

What the control plane can recreate (its database, hashes, cached metadata) stays in its state folder.
"""

import asyncio
import contextlib
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from backend.core.files import sync_folder

log = structlog.get_logger(__name__)

PRESETS, TOKENS, LIMITS, API_KEYS = "presets", "tokens.json", "limits.json", "api-keys"
QUEUE, JOBS, KEPT_FILES = "queue", "jobs", "kept-files"
TEMPLATES, WORKFLOWS, PRICE = "templates", "workflows", "price.json"
NOTIFICATIONS = "notifications.json"
SYNC = "sync.json"
ASSISTANT = "assistant.json"
TIMEOUT_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class PersistentPaths:
    """Paths of persistent files. They are in the state folder when the volume is not writable."""

    presets: Path
    tokens: Path
    limits: Path
    api_keys: Path
    queue: Path
    jobs: Path
    kept_files: Path
    templates: Path
    workflows: Path
    price: Path
    notifications: Path
    sync: Path
    assistant: Path


async def find_persistent_paths(workspace: Path, state: Path) -> PersistentPaths:
    """Call `persistent_paths_in` in a thread, and fall back to `state` when the volume hangs: the first page must not wait."""
    try:
        return await asyncio.wait_for(
            asyncio.to_thread(persistent_paths_in, workspace, state), TIMEOUT_SECONDS
        )
    except TimeoutError:
        log.warning("the volume does not respond; settings are lost with the pod")
        return _below(state, state)


def persistent_paths_in(workspace: Path, state: Path) -> PersistentPaths:
    """Choose the paths, and move files that an earlier start saved in `state` to the volume. Blocks for disk accesses."""
    volume = workspace / ".comfypod"
    private = supports_private_files(volume)
    general = state if private is None else volume
    secret = volume if private else state
    _move(state / PRESETS, general / PRESETS)
    _move(state / LIMITS, general / LIMITS)
    _move(state / KEPT_FILES, general / KEPT_FILES)
    _move(state / TEMPLATES, general / TEMPLATES)
    _move(state / PRICE, general / PRICE)
    _move(state / NOTIFICATIONS, secret / NOTIFICATIONS)
    _move(state / WORKFLOWS, secret / WORKFLOWS)
    _move(state / TOKENS, secret / TOKENS)
    _move(state / ASSISTANT, secret / ASSISTANT)
    _move(state / API_KEYS, secret / API_KEYS)
    _move(state / SYNC, secret / SYNC)
    return _below(general, secret)


def _below(general: Path, secret: Path) -> PersistentPaths:
    return PersistentPaths(
        presets=general / PRESETS,
        tokens=secret / TOKENS,
        limits=general / LIMITS,
        api_keys=secret / API_KEYS,
        queue=general / QUEUE,
        jobs=secret / JOBS,
        kept_files=general / KEPT_FILES,
        templates=general / TEMPLATES,
        workflows=secret / WORKFLOWS,
        price=general / PRICE,
        notifications=secret / NOTIFICATIONS,
        sync=secret / SYNC,
        assistant=secret / ASSISTANT,
    )


def supports_private_files(folder: Path) -> bool | None:
    """Return True when file permissions work in `folder`, so that it may hold secrets; None when it is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as probe:
            path = Path(probe.name)
            path.chmod(0o600)
            return stat.S_IMODE(path.stat().st_mode) == 0o600
    except OSError as error:
        # The workspace report and the pages that cannot save their data tell the user.
        log.info("the volume is not writable; settings are lost with the pod", reason=str(error))
        return None


def _move(old: Path, new: Path) -> None:
    """Move a file or a folder of files. Replace no existing file, and leave what cannot be moved."""
    if old == new or not old.exists():
        return
    with contextlib.suppress(OSError):
        if old.is_dir():
            new.mkdir(parents=True, exist_ok=True)
            for file in old.iterdir():
                _move(file, new / file.name)
            sync_folder(new)
            old.rmdir()
        elif not new.exists():
            draft = new.with_name(f".{new.name}.moving")
            shutil.copy2(old, draft)
            draft.rename(new)
            old.unlink()
