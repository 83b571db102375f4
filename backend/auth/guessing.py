"""Slows down guessing of the password without locking out the owner.

Wrong guesses are counted for the address they come from and for all addresses together. After some free ones each
further guess has to wait twice as long as the one before. Behind a host's proxy every client has the proxy's address,
so a stranger there makes all of them wait; therefore a browser that has signed in before presents a signed device
token and is counted by itself alone.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from backend.auth.models import Client
from backend.core.errors import TooManyRequests

FIRST_WAIT = 5.0
FORGET_SECONDS = 3600.0
# More addresses than this make everyone wait anyway, so forgetting the oldest ones gives nothing away.
MOST_COUNTERS = 4096
EVERYONE = "everyone"


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How many wrong guesses are free, and the longest wait after them."""

    free: int
    longest_wait: float

    def wait_after(self, guesses: int) -> float:
        excess = guesses - self.free
        return 0.0 if excess < 0 else min(FIRST_WAIT * 2.0 ** min(excess, 30), self.longest_wait)


OF_ONE = Allowance(free=20, longest_wait=900)
# Shorter: it also makes an owner wait who comes with a new device.
OF_ALL = Allowance(free=200, longest_wait=60)


@dataclass
class _Counter:
    guesses: int = 0
    last: float = 0.0


class GuessLimit:
    """Counts wrong guesses in memory; a restart forgets them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic):
        self._monotonic = monotonic
        self._counters: OrderedDict[str, _Counter] = OrderedDict()

    def check(self, client: Client, device: str | None) -> None:
        """Raise TooManyRequests while `client` has to wait. `device` is the id from a verified device token."""
        wait = max(self._wait(name, allowance) for name, allowance in _counted_as(client, device).items())
        if wait > 0:
            seconds = int(wait) + 1
            raise TooManyRequests(
                f"Too many wrong passwords. Try again in {seconds} seconds, or use a browser that has signed in here "
                "before.",
                retry_after=seconds,
            )

    def count(self, client: Client, device: str | None) -> None:
        """Count a wrong guess."""
        for name in _counted_as(client, device):
            counter = self._counters.setdefault(name, _Counter())
            if self._is_forgotten(counter):
                counter.guesses = 0
            counter.guesses += 1
            counter.last = self._monotonic()
            self._counters.move_to_end(name)
        while len(self._counters) > MOST_COUNTERS:
            self._counters.popitem(last=False)

    def _wait(self, name: str, allowance: Allowance) -> float:
        counter = self._counters.get(name)
        if counter is None or self._is_forgotten(counter):
            return 0.0
        return counter.last + allowance.wait_after(counter.guesses) - self._monotonic()

    def _is_forgotten(self, counter: _Counter) -> bool:
        return self._monotonic() - counter.last > FORGET_SECONDS


def _counted_as(client: Client, device: str | None) -> dict[str, Allowance]:
    """Programs on the pod itself, such as `comfypod`, do not wait for the guesses of all."""
    if device:
        return {f"device {device}": OF_ONE}
    own = {network_of(client.address): OF_ONE}
    return own if client.is_local else {**own, EVERYONE: OF_ALL}


def network_of(address: str) -> str:
    """Return the address, or for IPv6 the /64 around it: one customer usually has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))
    return address
