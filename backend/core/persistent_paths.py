"""Where it lies what people have made or chosen on this pod: on the volume, so that it outlives the pod.

What the control plane can find out again (its database, hashes, what hubs have told) stays in its state folder.
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
QUEUE, JOBS = "queue", "jobs"
PATIENCE_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class PersistentPaths:
    """Paths of what is kept. They are in the state folder where the volume takes nothing."""

    presets: Path
    tokens: Path
    limits: Path
    api_keys: Path
    queue: Path
    jobs: Path


async def find_persistent_paths(workspace: Path, state: Path) -> PersistentPaths:
    """The same as `persistent_paths_in`. A volume that hangs must not keep the first page from coming."""
    try:
        return await asyncio.wait_for(
            asyncio.to_thread(persistent_paths_in, workspace, state), PATIENCE_SECONDS
        )
    except TimeoutError:
        log.warning("the volume does not answer; what is set now is lost with the pod")
        return _below(state, state)


def persistent_paths_in(workspace: Path, state: Path) -> PersistentPaths:
    """Choose the paths, and move to the volume what an earlier start had to keep in `state`. Blocks for disk accesses."""
    volume = workspace / ".comfypod"
    private = keeps_private(volume)
    general = state if private is None else volume
    secret = volume if private else state
    _move(state / PRESETS, general / PRESETS)
    _move(state / LIMITS, general / LIMITS)
    _move(state / TOKENS, secret / TOKENS)
    _move(state / API_KEYS, secret / API_KEYS)
    return _below(general, secret)


def _below(general: Path, secret: Path) -> PersistentPaths:
    return PersistentPaths(
        presets=general / PRESETS,
        tokens=secret / TOKENS,
        limits=general / LIMITS,
        api_keys=secret / API_KEYS,
        queue=general / QUEUE,
        jobs=secret / JOBS,
    )


def keeps_private(folder: Path) -> bool | None:
    """Whether a file in `folder` can be kept from everybody but its owner; None when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as probe:
            path = Path(probe.name)
            path.chmod(0o600)
            return stat.S_IMODE(path.stat().st_mode) == 0o600
    except OSError as error:
        # What is wrong with the volume is told by whoever prepares it, and by the pages of what cannot be kept.
        log.info("the volume cannot be written to; what is set now is lost with the pod", reason=str(error))
        return None


def _move(old: Path, new: Path) -> None:
    """A file or a folder of files. Nothing that is there already is replaced; what cannot be moved stays."""
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
