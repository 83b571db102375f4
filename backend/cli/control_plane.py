"""The control plane that a command works with. Commands are synchronous, the client is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from backend.cli.errors import NoControlPlane, NotSignedIn, Refused
from backend.client.client import ApiClient
from backend.client.downloads import Update
from backend.client.errors import ClientError, ConnectionLost, Rejected
from backend.client.jobs import JobUpdate
from backend.core.async_tools import cancel_and_wait

Result = TypeVar("Result")

# An update without a change, so that countdowns are drawn again.
TICK_SECONDS = 1.0


class ControlPlane:
    """Runs requests of a client one after the other.

    `embedded`: it runs inside this command, and `begin` lets its transfers start.
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        client: ApiClient,
        *,
        embedded: bool = False,
        begin: Callable[[], None] = lambda: None,
    ):
        self.embedded = embedded
        self.begin = begin
        self.url = client.url
        self.headers = client.headers
        self.access = client.access
        self.activity = client.activity
        self.downloads = client.downloads
        self.inputs = client.inputs
        self.jobs = client.jobs
        self.notifications = client.notifications
        self.nodes = client.nodes
        self.outputs = client.outputs
        self.autostop = client.autostop
        self.presets = client.presets
        self.provisioning = client.provisioning
        self.price = client.price
        self.schedules = client.schedules
        self.storage = client.storage
        self.sync = client.sync
        self.system = client.system
        self.templates = client.templates
        self._runner = runner

    def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of a request; raise a CommandError when it fails."""
        return run(self._runner, request)

    def updates(self) -> Iterator[Update]:
        """Yield what changes in the download queue without end, and every second an update without a change."""
        return self._ticking(self.downloads.follow(), Update())

    def job_updates(self) -> Iterator[JobUpdate]:
        """Yield what happens to jobs without end, and every second an update without a change."""
        return self._ticking(self.jobs.follow(), JobUpdate())

    def _ticking(self, updates: AsyncIterator[Result], tick: Result) -> Iterator[Result]:
        following: asyncio.Task[Result] | None = None
        try:
            while True:
                following = following or self.run(_started(updates))
                if self.run(_done(following, TICK_SECONDS)):
                    yield self.run(_result(following))
                    following = None
                else:
                    yield tick
        finally:
            # Otherwise it would connect again while the command ends, after its session has ended.
            if following:
                self._runner.run(cancel_and_wait(following))


def run(runner: asyncio.Runner, request: Coroutine[Any, Any, Result]) -> Result:
    """Run a request of the client; what it raises becomes the error of the command."""
    try:
        return runner.run(request)
    except ConnectionLost as error:
        raise NoControlPlane(
            f"{error} Files that have arrived stay; the control plane resumes the downloads when it starts again."
        ) from None
    except Rejected as error:
        if error.code == "session_ended" and not error.details:
            raise NotSignedIn("The session has ended. Start the command again.") from None
        raise Refused(error.code, error.message, error.details) from None
    except ClientError as error:
        raise NoControlPlane(str(error)) from None


async def _started(updates: AsyncIterator[Result]) -> asyncio.Task[Result]:
    return asyncio.ensure_future(_next(updates))


async def _next(updates: AsyncIterator[Result]) -> Result:
    return await anext(updates)


async def _done(task: asyncio.Task[Result], timeout: float) -> bool:  # noqa: ASYNC109 - the task goes on
    done, _ = await asyncio.wait([task], timeout=timeout)
    return bool(done)


async def _result(task: Awaitable[Result]) -> Result:
    return await task
