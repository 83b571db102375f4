"""Samples the pod in the background, so that no page waits for the supervisor, a driver, ComfyUI or a disk."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil
import structlog

from backend.system.incidents import Incidents
from backend.system.models import Gpu, SystemView
from backend.system.service import System

log = structlog.get_logger(__name__)

# Between two samples, and while a page shows them.
SECONDS = 5.0
WATCHED_SECONDS = 2.0
# How long a page that has asked counts as open: pages poll every few seconds.
ATTENTION_SECONDS = 15.0
HISTORY_SECONDS = 600.0
MAX_SAMPLES = int(HISTORY_SECONDS / SECONDS)


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures of one moment. None where the machine does not report it."""

    gpu_use: float | None
    gpu_memory: float | None
    temperature: float | None
    power: float | None
    cpu: float
    memory: int
    network: float
    disk: int


class Sampler:
    """Keeps the newest view of the pod, and the figures of the last ten minutes."""

    def __init__(self, system: System, incidents: Incidents):
        self._system = system
        self._incidents = incidents
        self._history: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self._history_at = 0.0
        self._traffic: tuple[float, int] | None = None
        self._watched_until = 0.0
        self._wake = asyncio.Event()
        self._view: SystemView | None = None
        # Grows with every view.
        self.revision = 0

    def view(self) -> SystemView | None:
        """Return the newest view, at most a few seconds old; None until the first is there. Never waits."""
        now = time.monotonic()
        if now > self._watched_until:
            self._wake.set()
        self._watched_until = now + ATTENTION_SECONDS
        return self._view

    def hurry(self) -> None:
        """Take the next sample now: something was changed."""
        self._wake.set()

    @property
    def history(self) -> Sequence[Sample]:
        """Return the samples of the last ten minutes, oldest first."""
        return self._history

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self.sample()
            except Exception:
                log.exception("the pod could not be sampled")
            await self._pause()

    async def sample(self) -> SystemView:
        """Look at the pod now, and show it on pages too."""
        view = await self._system.snapshot()
        now = time.monotonic()
        if now - self._history_at >= SECONDS * 0.9:
            self._history_at = now
            self._history.append(self._sample(view, now))
        self._incidents.observe(view)
        self._view = view
        self.revision += 1
        return view

    async def _pause(self) -> None:
        is_watched = time.monotonic() < self._watched_until
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), WATCHED_SECONDS if is_watched else SECONDS)
        self._wake.clear()

    def _sample(self, view: SystemView, now: float) -> Sample:
        gpus = view.accelerator.devices if view.accelerator.answering else []
        return Sample(
            gpu_use=_highest(gpu.utilisation for gpu in gpus),
            gpu_memory=_memory_percent(gpus),
            temperature=_highest(gpu.temperature for gpu in gpus),
            power=_sum(gpu.power for gpu in gpus),
            cpu=view.cpu_percent,
            memory=view.memory.used,
            network=self._bytes_per_second(now),
            disk=view.disk.used,
        )

    def _bytes_per_second(self, now: float) -> float:
        """Return what was sent and received over the network since the last sample, without loopback."""
        counters = psutil.net_io_counters(pernic=True)
        total = sum(entry.bytes_recv + entry.bytes_sent for name, entry in counters.items() if name != "lo")
        last, self._traffic = self._traffic, (now, total)
        return max(0, total - last[1]) / (now - last[0]) if last else 0.0


def _highest(values: Iterable[int | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _memory_percent(gpus: Iterable[Gpu]) -> float | None:
    """Return the use of the memory of all GPUs together."""
    known = [
        (gpu.memory_used, gpu.memory_total)
        for gpu in gpus
        if gpu.memory_total and gpu.memory_used is not None
    ]
    total = sum(total or 0 for _, total in known)
    return 100 * sum(used or 0 for used, _ in known) / total if total else None
