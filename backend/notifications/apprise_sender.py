"""Runs Apprise in a child process, within a time limit."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from backend.config.settings import PROJECT_ROOT
from backend.core.errors import InvalidRequest
from backend.notifications.errors import DeliveryError
from backend.notifications.models import Channel, Message
from backend.notifications.secrecy import secrets_of, without_secrets

MODULE = "backend.notifications.apprise_process"
UNKNOWN = (
    "Apprise does not know this address. Copy it from the service's page of Apprise's documentation: it begins "
    "like ntfy://, discord:// or mailto://."
)


@dataclass(frozen=True, kw_only=True)
class AppriseSender:
    """Starts a process for each call."""

    seconds: float = 45.0

    async def name_of(self, url: str) -> str:
        """Return the name of the URL's service. Raise InvalidRequest when Apprise does not know it."""
        try:
            answer = await self._run({"url": url})
        except DeliveryError as error:
            raise InvalidRequest(str(error), code="bad_channel") from None
        if answer["service"] is None:
            raise InvalidRequest(UNKNOWN, code="bad_channel")
        return str(answer["service"])

    async def send(self, channel: Channel, message: Message) -> None:
        """Deliver a message. Raise DeliveryError with Apprise's reason."""
        texts = {"title": message.title, "body": message.body, "tone": message.tone}
        answer = await self._run({"url": channel.url, **texts})
        if answer["service"] is None:
            raise DeliveryError(UNKNOWN)
        if answer["problem"]:
            raise DeliveryError(without_secrets(str(answer["problem"]), secrets_of(channel)))

    async def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            cwd=PROJECT_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self.seconds):
                output, _ = await process.communicate(json.dumps(request).encode())
            answer: dict[str, Any] = json.loads(output)
        except TimeoutError:
            raise DeliveryError(f"The service did not answer within {self.seconds:g} s.") from None
        except ValueError:
            raise DeliveryError("Apprise ended without a result.") from None
        else:
            return answer
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
