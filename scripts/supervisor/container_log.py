"""Carries what the services write into the container's own log."""

import os
from collections.abc import Callable, Iterable

# A line that has no end is passed on in pieces of this size.
LONGEST_BYTES = 64 * 1024
MASK = b"***"
SHORTEST_SECRET = 8


class ContainerLog:
    """Passes whole lines on, so that two services never cut into each other's.

    A carriage return ends a line too: that is how progress bars write.
    """

    def __init__(self, write: Callable[[bytes], None], secrets: Iterable[str] = ()):
        self._write = write
        self._secrets: list[bytes] = []
        self._unfinished: dict[str, bytes] = {}
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these as well from now on. Short ones are not: they would be found in ordinary words."""
        long = [os.fsencode(secret) for secret in secrets if len(secret) >= SHORTEST_SECRET]
        known = {*self._secrets, *long}
        self._secrets = sorted(known, key=len, reverse=True)  # one may be the beginning of another

    def add(self, service: str, chunk: bytes) -> None:
        waiting = self._unfinished.pop(service, b"") + chunk
        end = max(waiting.rfind(b"\n"), waiting.rfind(b"\r")) + 1
        if len(waiting) - end > LONGEST_BYTES:
            end = len(waiting)
        if end:
            self._write(self._masked(waiting[:end]))
        if waiting[end:]:
            self._unfinished[service] = waiting[end:]

    def finish(self, service: str) -> None:
        """The service has ended: what it wrote last is a line, whether it ended it or not."""
        rest = self._unfinished.pop(service, b"")
        if rest:
            self._write(self._masked(rest) + b"\n")

    def _masked(self, text: bytes) -> bytes:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
