"""Copies the output of the services to the container's log."""

import os
from collections.abc import Callable, Iterable

# A longer line is passed on in parts.
LONGEST_LINE_BYTES = 64 * 1024
MASK = b"***"
SHORTEST_SECRET = 8


class ContainerLog:
    """Passes on whole lines, so that services do not interrupt each other's.

    A carriage return ends a line too, because progress bars use it.
    """

    def __init__(self, write: Callable[[bytes], None], secrets: Iterable[str] = ()):
        self._write = write
        self._secrets: list[bytes] = []
        self._unfinished: dict[str, bytes] = {}
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these as well from now on, except short ones, which occur in ordinary words."""
        long = [os.fsencode(secret) for secret in secrets if len(secret) >= SHORTEST_SECRET]
        known = {*self._secrets, *long}
        self._secrets = sorted(known, key=len, reverse=True)  # one may be the beginning of another

    def add(self, service: str, chunk: bytes) -> None:
        waiting = self._unfinished.pop(service, b"") + chunk
        end = max(waiting.rfind(b"\n"), waiting.rfind(b"\r")) + 1
        if len(waiting) - end > LONGEST_LINE_BYTES:
            end = len(waiting)
        if end:
            self._write(self._masked(waiting[:end]))
        if waiting[end:]:
            self._unfinished[service] = waiting[end:]

    def finish(self, service: str) -> None:
        """Complete the last line of a service that has ended."""
        rest = self._unfinished.pop(service, b"")
        if rest:
            self._write(self._masked(rest) + b"\n")

    def _masked(self, text: bytes) -> bytes:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
