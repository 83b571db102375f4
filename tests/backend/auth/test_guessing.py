"""Strangers who guess the password wait longer and longer; the owner does not wait for them."""

import pytest

from backend.auth.guessing import MOST_COUNTERS, GuessLimit
from backend.auth.models import Client
from backend.core.errors import TooManyRequests
from tests.support.control_plane import PASSWORD, ControlPlane

PROXY = {"X-Real-IP": "203.0.113.1"}


class Guesser:
    """Guesses wrong at the earliest moment that is allowed, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.limit = GuessLimit(lambda: self.now)

    def wait_for(self, client: Client, device: str | None = None) -> int:
        """Return seconds until `client` may try again."""
        try:
            self.limit.check(client, device)
        except TooManyRequests as refusal:
            return int(str(refusal.details["retry_after"]))
        return 0

    def guess(self, client: Client, device: str | None = None) -> int:
        """Wait as long as it takes, then guess; return the wait."""
        waited = self.wait_for(client, device)
        self.now += waited
        self.limit.check(client, device)
        self.limit.count(client, device)
        return waited


def address(number: int) -> Client:
    return Client(address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")


def test_one_address_waits_twice_as_long_each_time_up_to_a_quarter_of_an_hour() -> None:
    guesser = Guesser()
    waits = [guesser.guess(address(1)) for _ in range(30)]
    assert waits[:20] == [0] * 20
    assert [round(wait - 1) for wait in waits[20:]] == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert guesser.wait_for(address(2)) == 0


def test_an_hour_without_guesses_is_forgiven() -> None:
    guesser = Guesser()
    for _ in range(25):
        guesser.guess(address(1))
    guesser.now += 3601
    assert [guesser.guess(address(1)) for _ in range(20)] == [0] * 20


def test_many_addresses_together_cannot_guess_for_ever() -> None:
    guesser = Guesser()
    waits = [guesser.guess(address(number)) for number in range(220)]
    assert waits[:200] == [0] * 200
    assert waits[-1] == 61
    # Neither a program on the pod nor a browser that has signed in before waits for them.
    assert guesser.wait_for(Client(address="127.0.0.1", is_local=True)) == 0
    assert guesser.wait_for(address(1), device="known") == 0


def test_a_stolen_device_cookie_is_limited_too() -> None:
    guesser = Guesser()
    waits = [guesser.guess(address(number), device="stolen") for number in range(22)]
    assert waits[20:] == [6, 11]
    assert guesser.wait_for(address(1), device="other") == 0


def test_neighbours_in_one_ipv6_network_count_as_one() -> None:
    guesser = Guesser()
    for number in range(20):
        guesser.guess(Client(address=f"2001:db8:1:2::{number:x}"))
    assert guesser.wait_for(Client(address="2001:db8:1:2:ffff::1")) == 6
    assert guesser.wait_for(Client(address="2001:db8:1:3::1")) == 0
    for _ in range(20):
        guesser.guess(Client(address="::ffff:192.0.2.1"))
    assert guesser.wait_for(Client(address="::ffff:192.0.2.2")) == 0


def test_a_flood_of_addresses_fills_no_memory_and_resets_no_counter() -> None:
    guesser = Guesser()
    for number in range(2 * MOST_COUNTERS):
        guesser.limit.count(address(number), None)
    assert len(guesser.limit._counters) <= MOST_COUNTERS
    assert guesser.wait_for(address(10**6)) == 61


async def test_behind_a_proxy_the_owners_browser_signs_in_during_an_attack(pod: ControlPlane) -> None:
    async with pod.anonymous(**PROXY) as owner, pod.anonymous(**PROXY) as stranger:
        await owner.post("/api/auth/login", json={"password": PASSWORD})
        await owner.post("/api/auth/logout")
        for _ in range(20):
            assert (await stranger.post("/api/auth/login", json={"password": "guess"})).status_code == 401
        refused = await stranger.post("/api/auth/login", json={"password": PASSWORD})
        assert (refused.status_code, int(refused.headers["Retry-After"]) <= 6) == (429, True)
        assert (await owner.post("/api/auth/login", json={"password": PASSWORD})).status_code == 200


@pytest.mark.parametrize("forged", ["x", "e30.e30.e30", "a session token"])
async def test_a_forged_device_cookie_does_not_help(pod: ControlPlane, forged: str) -> None:
    if forged == "a session token":
        forged = pod.client.headers["Authorization"].removeprefix("Bearer ")
    cookie = {"Cookie": f"comfypod_device={forged}"}
    async with pod.anonymous(**PROXY, **cookie) as stranger:
        statuses = [
            (await stranger.post("/api/auth/login", json={"password": "guess"})).status_code
            for _ in range(21)
        ]
    assert statuses == [401] * 20 + [429]


async def test_a_device_token_is_no_session(pod: ControlPlane) -> None:
    async with pod.anonymous() as client:
        await client.post("/api/auth/login", json={"password": PASSWORD})
        device = client.cookies["comfypod_device"]
        client.cookies.clear()
        refused = await client.get("/api/auth/me", headers={"Authorization": f"Bearer {device}"})
    assert refused.status_code == 401
