"""The faults of each file, and how often each still applies."""

import threading

from tests.support.hub.faults import Fault, Stage


class FaultBook:
    """Faults of one key apply in the order they were added: two of them cause two failures in a row."""

    def __init__(self) -> None:
        self._faults: dict[str, list[Fault]] = {}
        self._ever: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()

    def add(self, key: str, fault: Fault) -> None:
        with self._lock:
            self._faults.setdefault(key, []).append(fault)
            self._ever.append((key, fault))

    def of(self, key: str) -> list[Fault]:
        with self._lock:
            return list(self._faults.get(key, ()))

    def keys_above(self, path: str) -> list[str]:
        """Return the keys that are URL paths above `path`."""
        with self._lock:
            return [key for key in self._faults if key.startswith("/") and path.startswith(key)]

    def take(self, key: str, stage: Stage, method: str, length: int = 0) -> Fault | None:
        """Return and count the fault that applies to this request; None if it succeeds."""
        with self._lock:
            for fault in self._faults.get(key, ()):
                if _concerns(fault, stage, method, length):
                    self._count(key, fault)
                    return fault
        return None

    def clear(self, key: str | None = None) -> None:
        """Remove the faults of one key, or all, and release the requests that they block."""
        with self._lock:
            self._faults = {name: faults for name, faults in self._faults.items() if key not in (None, name)}
        self.release(key)

    def release(self, key: str | None = None) -> None:
        """Release blocked requests, also those of used-up faults."""
        with self._lock:
            held = [fault for name, fault in self._ever if key in (None, name)]
        for fault in held:
            fault.withdraw()

    def _count(self, key: str, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times == 0:
            self._faults[key].remove(fault)


def _concerns(fault: Fault, stage: Stage, method: str, length: int) -> bool:
    if fault.on != stage or (method == "HEAD" and fault.spares_head):
        return False
    return stage == "resolve" or length >= fault.at_least
