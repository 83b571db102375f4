"""Stops the pod when it has been idle for as long as its user chose."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import structlog

from backend.activity.service import Activity
from backend.autostop.countdown import Countdown
from backend.autostop.hosts import Host
from backend.autostop.idleness import Idleness, Observation
from backend.autostop.models import LONGEST_MINUTES, SHORTEST_MINUTES, AutostopView
from backend.core import clock
from backend.core.errors import Conflict, UpstreamError
from backend.core.persistence import save_persistently

log = structlog.get_logger(__name__)

NO_HOST = "Nothing here can stop the pod. On RunPod and Vast the pod has a key for that; elsewhere set AUTOSTOP_COMMAND."


class Autostop:
    """The setting, the countdown, and the stop itself."""

    def __init__(
        self, idleness: Idleness, host: Host | None, activity: Activity, *, choice: Path, default_minutes: int
    ):
        """`choice` is the file with the user's choice on the volume."""
        self.idleness, self._host, self._activity = idleness, host, activity
        self._choice = choice
        self.countdown = Countdown(minutes=_chosen(choice, default_minutes) if host else 0)
        self._seen = Observation(busy=[])
        self._stopping = self._warned = False
        self._problem: str | None = None

    def view(self) -> AutostopView:
        countdown = self.countdown
        return AutostopView(
            minutes=countdown.minutes,
            host=self._host.name if self._host else None,
            busy=self._seen.busy,
            idle_since=countdown.idle_since,
            stops_at=countdown.stops_at,
            warns=countdown.warns(clock.now()),
            stopping=self._stopping,
            problem=self._problem,
        )

    async def choose(self, minutes: int) -> AutostopView:
        """Set the minutes of idleness; 0 turns automatic stop off. The time begins anew."""
        if minutes and self._host is None:
            raise Conflict(NO_HOST, code="no_host")
        minutes = max(minutes, SHORTEST_MINUTES) if minutes else 0
        await asyncio.to_thread(save_persistently, self._choice, json.dumps({"minutes": minutes}).encode())
        self.countdown.minutes = minutes
        self._activity.note("autostop.set", f"{minutes} minutes" if minutes else "off")
        return self.cancel()

    def cancel(self) -> AutostopView:
        """Begin the idle time anew, so that the pod runs on for as long as was chosen."""
        self.countdown.restart(clock.now())
        self._problem = None
        return self.view()

    def work_changed(self) -> None:
        """Note that there is or was work just now."""
        self.countdown.observe(clock.now(), is_busy=True)

    async def check(self) -> None:
        """Look at the pod once, and stop it when it is time."""
        if not self.countdown.minutes or self._host is None or self._stopping:
            return
        await self._observe()
        self._warn(clock.now())
        if self.countdown.is_due(clock.now()):
            await self._stop(self._host)

    def _warn(self, now: datetime) -> None:
        """Note once that the countdown has begun, for those who see no page."""
        warns = self.countdown.warns(now)
        if warns and not self._warned and self.countdown.stops_at:
            at = self.countdown.stops_at.astimezone()
            self._activity.note(
                "autostop.soon", "pod", reason=f"It is idle and will be stopped at {at:%H:%M:%S}."
            )
        self._warned = warns

    async def _observe(self) -> None:
        self._seen = await self.idleness.observe()
        self.countdown.observe(clock.now(), is_busy=bool(self._seen.busy), last_active=self._seen.last_active)

    async def _stop(self, host: Host) -> None:
        self._activity.note("autostop.stop", host.name)
        log.info("the pod is idle and is being stopped", host=host.name, minutes=self.countdown.minutes)
        self._stopping = True
        try:
            await host.stop()
        except UpstreamError as error:
            self._stopping = False
            self._problem = error.message
            self.countdown.retry_later(clock.now())
            log.warning("the pod could not be stopped", reason=error.message)

    def still_runs(self) -> None:
        """Note that the host has not stopped the pod although it agreed to; it is asked again."""
        if self._stopping:
            self._stopping = False
            self._problem = "The host was asked to stop the pod, and it still runs. It is asked again."
            self.countdown.retry_later(clock.now())


def _chosen(file: Path, default: int) -> int:
    try:
        minutes = json.loads(file.read_bytes())["minutes"]
    except (OSError, ValueError, KeyError, TypeError):
        return default
    return minutes if isinstance(minutes, int) and 0 <= minutes <= LONGEST_MINUTES else default
