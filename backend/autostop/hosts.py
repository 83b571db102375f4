"""Stop this pod through the host that rents it out.

RunPod: `POST /v1/pods/{id}/stop` of its REST API. Vast: `PUT /api/v0/instances/{id}/` with the state `stopped`.
"""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Protocol

import httpx

from backend.config.settings import Settings
from backend.core.errors import UpstreamError

API_SECONDS = 30.0
COMMAND_SECONDS = 60.0
MAX_REASON = 200
REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


class Host(Protocol):
    """Something that stops this pod."""

    @property
    def name(self) -> str: ...

    async def stop(self) -> None:
        """Ask for the stop. Raise UpstreamError with what to do when it is refused or fails."""


class _Api:
    """A host's API: one request stops the pod."""

    name: str
    variable: str

    def __init__(self, endpoint: str, pod: str, key: str, *, limit: float = API_SECONDS):
        self._limit = limit
        self._endpoint = endpoint.rstrip("/")
        self._pod = pod
        self._headers = {"Authorization": f"Bearer {key}"}

    async def _request(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        try:
            async with asyncio.timeout(self._limit), httpx.AsyncClient(timeout=None) as client:  # noqa: S113 - the line limits it
                response = await client.request(
                    method, self._endpoint + path, json=body, headers=self._headers
                )
        except (httpx.TransportError, TimeoutError) as error:
            reason = str(error) or "no response in time"
            raise UpstreamError(
                f"{self.name} cannot be reached ({reason}). The stop is tried again."
            ) from None
        if response.status_code in REFUSED:
            raise UpstreamError(
                f"{self.name} refuses {self.variable} ({response.status_code}). Give the pod a key that may stop it."
            )
        if not response.is_success:
            raise UpstreamError(
                f"{self.name} did not stop the pod: it answered {response.status_code}. The stop is tried again; check the "
                "pod in the host's console."
            )


class RunPod(_Api):
    name = "RunPod"
    variable = "RUNPOD_API_KEY"

    async def stop(self) -> None:
        await self._request("POST", f"/v1/pods/{self._pod}/stop")


class Vast(_Api):
    name = "Vast"
    variable = "CONTAINER_API_KEY"

    async def stop(self) -> None:
        await self._request("PUT", f"/api/v0/instances/{self._pod}/", {"state": "stopped"})


class Command:
    """A command of the user."""

    name = "AUTOSTOP_COMMAND"

    def __init__(self, command: str, *, limit: float = COMMAND_SECONDS):
        self._command = command
        self._limit = limit

    async def stop(self) -> None:
        process = await asyncio.create_subprocess_shell(
            self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._limit):
                output, _ = await process.communicate()
        except TimeoutError:
            raise UpstreamError(
                f"AUTOSTOP_COMMAND did not end within {self._limit:g} s. Correct it and restart the pod."
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            reason = output.decode(errors="replace").strip()[-MAX_REASON:]
            raise UpstreamError(f"AUTOSTOP_COMMAND failed with exit code {process.returncode}: {reason}")


def host_of(settings: Settings) -> Host | None:
    """Return what can stop this pod; None where nothing can. The user's own command goes first."""
    if settings.autostop_command:
        return Command(settings.autostop_command)
    if settings.runpod_pod_id and settings.runpod_api_key:
        key = settings.runpod_api_key.get_secret_value()
        return RunPod(str(settings.runpod_endpoint), settings.runpod_pod_id, key)
    if settings.container_id and settings.container_api_key:
        key = settings.container_api_key.get_secret_value()
        return Vast(str(settings.vast_endpoint), settings.container_id, key)
    return None
