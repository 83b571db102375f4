"""Downloads reach only the internet and explicitly allowed hosts, whatever an address, a redirect or a name server says."""

import socket
from pathlib import Path

import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from backend.sources.address_guard import AddressGuard, is_public
from backend.sources.client import guarded_client
from backend.sources.errors import PermanentError
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import safetensors

SPECIAL_ADDRESSES = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OTHER_SPELLINGS = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "3232235777",
    "0",
]


@pytest.mark.parametrize("address", SPECIAL_ADDRESSES)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_mapped_to_ipv6_is_checked_as_ipv4(address: object) -> None:
    for dress in ("::ffff:{}", "::ffff:0:{}", "64:ff9b::{}"):
        assert is_public(dress.format(address)) == is_public(str(address))


async def test_every_spelling_of_a_private_address_is_rejected(pod: ControlPlane) -> None:
    hosts = [
        *(f"[{address}]" if ":" in address else address for address in SPECIAL_ADDRESSES),
        *OTHER_SPELLINGS,
    ]
    for host in hosts:
        wanted = {"url": f"http://{host}:9/x.safetensors", "folder": "loras"}
        answer = await pod.client.post("/api/downloads", json=wanted)
        assert answer.json()["error"]["code"] in ("private_address", "bad_url"), host
    assert (await pod.client.get("/api/downloads")).json() == []


PRIVATE_TARGETS = [
    "http://169.254.169.254/x",
    "http://0x7f.1:9/x",
    "http://[::1]:9/x",
    "http://localhost:9/x",
]
BROKEN_TARGETS = ["file:///etc/passwd", "gopher://example.org/", "http://[", "//:99999/"]


async def test_a_redirect_to_a_private_address_is_not_followed(pod: ControlPlane, hub: Hub) -> None:
    redirects = zip(PRIVATE_TARGETS + BROKEN_TARGETS, [301, 302, 303, 307, 308, 301, 302, 307], strict=True)
    for number, (target, status) in enumerate(redirects):
        file = hub.add_plain(f"{number}.safetensors", safetensors(1000))
        hub.fault(file, faults.Redirect(to=target, status=status, times=None))
        transfer = await pod.download(url=hub.url_of(file), folder="loras")
        expected = "private_address" if target in PRIVATE_TARGETS else "bad_redirect"
        assert (await pod.finished(transfer["id"]))["problem"]["code"] == expected, target
        assert not (pod.models / f"loras/{number}.safetensors").exists()


async def test_a_redirect_loop_ends(pod: ControlPlane, hub: Hub) -> None:
    file = hub.add_plain("x.safetensors", safetensors(1000))
    hub.fault(file, faults.RedirectLoop(times=None))
    transfer = await pod.download(url=hub.url_of(file), folder="loras")
    assert (await pod.finished(transfer["id"]))["problem"]["code"] == "redirect_loop"
    assert len(hub.requests) <= 12


async def test_an_allowed_host_is_reached(workspace: Path, hub: Hub) -> None:
    file = hub.add_plain("x.safetensors", safetensors(1000))
    url = hub.url_of(file).replace("127.0.0.1", "localhost")
    port = url.split(":")[2].split("/")[0]
    settings = {**hub_settings(hub), "civitai_endpoint": "https://civitai.com"}
    async with running_control_plane(workspace / "a", **settings) as pod:
        transfer = await pod.download(url=url, folder="loras")
        assert (await pod.finished(transfer["id"]))["problem"]["code"] == "private_address"
    settings["download_allowed_hosts"] = (f"localhost:{port}",)
    async with running_control_plane(workspace / "b", **settings) as pod:
        transfer = await pod.download(url=url, folder="loras")
        assert (await pod.finished(transfer["id"]))["state"] == "done"


class Rebinding(AbstractResolver):
    """A hostile name server that returns another address for every query."""

    def __init__(self, *addresses: str):
        self.addresses = list(addresses)
        self.queries = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.addresses[min(self.queries, len(self.addresses) - 1)]
        self.queries += 1
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def hub_port(hub: Hub) -> int:
    return httpx.URL(hub.url).port or 0


async def test_a_rebinding_name_is_checked_by_the_address_that_is_used(hub: Hub, hub_port: int) -> None:
    resolver = Rebinding("8.8.8.8", "127.0.0.1")
    guard = AddressGuard([], [])
    url = f"http://rebind.example:{hub_port}/files/x"
    guard.check_url(url)
    checked = await resolver.resolve("rebind.example", hub_port)
    assert guard.permits("rebind.example", hub_port, checked[0]["host"])
    async with guarded_client(guard, resolver) as client:
        with pytest.raises(PermanentError, match="private address"):
            await client.get(url)
    assert hub.requests == []


async def test_a_name_is_resolved_once_and_that_address_is_used(hub: Hub, hub_port: int) -> None:
    resolver = Rebinding("127.0.0.1", "8.8.8.8")
    guard = AddressGuard([], [f"allowed.example:{hub_port}"])
    async with guarded_client(guard, resolver) as client:
        answer = await client.get(f"http://allowed.example:{hub_port}/files/none")
    assert (answer.status_code, resolver.queries) == (404, 1)


async def test_an_address_is_sent_unchanged(hub: Hub, hub_port: int) -> None:
    path = "/files/a%7Eb%2F%27c%28%20d?x=%27%2F%7E%28&y=a+b%2B,~"
    async with guarded_client(AddressGuard([hub.url], [])) as client:
        await client.get(f"{hub.url}{path}")
    assert f"{hub.requests[0].path}?{hub.requests[0].query}" == path
