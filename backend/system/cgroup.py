"""CPU time and memory of this container, from its cgroup (v1 or v2). The machine's own figures where it has no limit."""

import os
import time
from pathlib import Path

import psutil

from backend.system.models import Memory

ROOT = Path("/sys/fs/cgroup")
# A limit above this is none.
UNLIMITED = 2**60


class Cgroup:
    """Reads the files of one cgroup; a file that is missing counts as "no limit"."""

    def __init__(self, root: Path = ROOT):
        self._root = root
        self._last: tuple[float, float] | None = None
        self.cpu_percent()  # the first call has nothing to compare with

    def memory(self) -> Memory:
        """Return what processes use, without the file cache that can be dropped at once."""
        machine = psutil.virtual_memory()
        limit = self._number("memory.max", "memory/memory.limit_in_bytes")
        used = self._number("memory.current", "memory/memory.usage_in_bytes")
        if limit is None or used is None or limit > min(UNLIMITED, machine.total):
            return Memory(total=machine.total, used=machine.total - machine.available)
        return Memory(total=limit, used=max(0, used - self._droppable()))

    def cpu_percent(self) -> float:
        """Return the use of the CPUs that the container may use, since the last call; 0 at the first."""
        now, seconds = time.monotonic(), self._cpu_seconds()
        if seconds is None:
            return psutil.cpu_percent()
        last, self._last = self._last, (now, seconds)
        if last is None or now <= last[0]:
            return 0.0
        share = (seconds - last[1]) / (now - last[0]) / self.cpus()
        return 100 * min(1.0, max(0.0, share))

    def cpus(self) -> float:
        """Return how many CPUs the container may use."""
        return self._quota() or len(os.sched_getaffinity(0))

    def _quota(self) -> float | None:
        content = self._text("cpu.max").split()
        if len(content) == 2 and content[0].isdecimal():
            return int(content[0]) / int(content[1])
        quota = self._number("cpu/cpu.cfs_quota_us")
        period = self._number("cpu/cpu.cfs_period_us")
        return quota / period if quota and period else None

    def _cpu_seconds(self) -> float | None:
        usage = self._field("cpu.stat", "usage_usec")
        if usage is not None:
            return usage / 1e6
        nanoseconds = self._number("cpuacct/cpuacct.usage")
        return None if nanoseconds is None else nanoseconds / 1e9

    def _droppable(self) -> int:
        return (
            self._field("memory.stat", "inactive_file")
            or self._field("memory/memory.stat", "total_inactive_file")
            or 0
        )

    def _number(self, *names: str) -> int | None:
        for name in names:
            text = self._text(name).strip()
            if text.isdecimal():
                return int(text)
        return None

    def _field(self, name: str, key: str) -> int | None:
        for line in self._text(name).splitlines():
            field, _, value = line.partition(" ")
            if field == key and value.isdecimal():
                return int(value)
        return None

    def _text(self, name: str) -> str:
        try:
            return (self._root / name).read_text()
        except OSError:
            return ""
