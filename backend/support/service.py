"""Builds the support bundle, a zip file with the information that helps to find a fault."""

import asyncio
import io
import json
import os
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from backend.activity.service import Activity
from backend.config.settings import Settings
from backend.core import clock
from backend.downloads.service import Downloads
from backend.jobs.service import Jobs
from backend.support.cleaning import Cleaner
from backend.support.information import software
from backend.system.logs import read_tail
from backend.system.sampler import Sampler
from backend.system.services import Services

log = structlog.get_logger(__name__)

LOG_LINES = 1000
ACTIVITY_ENTRIES = 200
# Of one part: a disk or a database that hangs must not block the others.
PART_SECONDS = 10.0
ABOUT = """Support bundle of a ComfyPod, made {at}.

versions.json       versions of the control plane, Python and its packages
configuration.json  settings; of secrets only whether they are set
system.json         problems, services, GPU, memory, disk, custom nodes that failed
queues.json         how many jobs and downloads are in each state
activity.json       what happened last
logs/               the last lines of every service

Passwords, tokens and keys are replaced by dots or [hidden]. File names, prompts in logs and addresses are not: look at
the files before you publish them.
"""
# Settings with commands or URLs, which may contain secrets.
NEVER_SHOWN = frozenset({"autostop_command"})


class SupportBundle:
    """Reads from other features and has no data of its own."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        sampler: Sampler,
        activity: Activity,
        downloads: Downloads,
        jobs: Jobs,
    ):
        self._settings, self._services, self._sampler = settings, services, sampler
        self._activity, self._downloads, self._jobs = activity, downloads, jobs

    async def build(self) -> bytes:
        """Return the zip file. A part that cannot be read is replaced by the reason."""
        cleaner = Cleaner(self._services.clean, self._known_secrets(), os.environ)
        parts: dict[str, Callable[[], Awaitable[Any]]] = {
            "versions.json": self._versions,
            "configuration.json": self._configuration,
            "system.json": self._system,
            "queues.json": self._queues,
            "activity.json": self._recent_activity,
        }
        files = {"README.txt": ABOUT.format(at=clock.to_text(clock.now()))}
        for name, read in parts.items():
            content = cleaner.value(to_jsonable_python(await _read(name, read)))
            files[name] = json.dumps(content, indent=2, ensure_ascii=False)
        logs = await asyncio.to_thread(self._logs)
        files |= {f"logs/{name}": cleaner.lines(lines) for name, lines in logs.items()}
        return await asyncio.to_thread(_zipped, files)

    def _known_secrets(self) -> set[str]:
        """Return the configured secrets and the generated password."""
        secrets = set(self._settings.secrets)
        for name in ("password", "signing.key"):
            try:
                secrets.add((self._settings.state_folder / name).read_text().strip())
            except OSError:
                continue
        return secrets

    async def _versions(self) -> Any:
        view = self._sampler.view()
        comfyui = view.comfyui.version if view else None
        return {"comfypod": view.version if view else None, "comfyui": comfyui, **software()}

    async def _configuration(self) -> Any:
        """Return every setting, and the names of the variables that are set in the environment."""
        values: dict[str, Any] = {}
        for name in type(self._settings).model_fields:
            value = getattr(self._settings, name)
            is_secret = isinstance(value, SecretStr) or name in NEVER_SHOWN
            values[name] = ("set" if value else "not set") if is_secret or value is None else str(value)
        # Not a dictionary, because a value beside the name of a secret is hidden.
        settings = [f"{name} = {value}" for name, value in values.items()]
        return {"settings": settings, "variables_set": sorted(os.environ)}

    async def _system(self) -> Any:
        return await self._sampler.sample()

    async def _queues(self) -> Any:
        return {"jobs": await self._jobs.counts(), "downloads": await self._downloads.counts()}

    async def _recent_activity(self) -> Any:
        recent = await self._activity.before(None, ACTIVITY_ENTRIES)
        # The IP addresses of signed-in browsers do not help.
        return [entry for entry in recent.entries if not entry.kind.startswith(("sign_in.", "session."))]

    def _logs(self) -> dict[str, list[str]]:
        """Return the last lines of every log, also of services that do not run."""
        folder: Path = self._services.log_path("x").parent
        files = sorted(folder.glob("*.log")) if folder.is_dir() else []
        return {file.name: read_tail(file, self._services.clean, LOG_LINES) for file in files}


async def _read(name: str, read: Callable[[], Awaitable[Any]]) -> Any:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await read()
    except Exception as error:
        log.exception("a part of the support bundle is missing", part=name)
        return {"missing": str(error) or type(error).__name__}


def _zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
