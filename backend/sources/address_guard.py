"""Protects private networks from requests to URLs of users and servers (SSRF): decides which addresses are allowed. Pure functions.

`GuardedResolver` in `aiohttp_transport` applies it to every address that is connected to.
"""

import ipaddress
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import httpx

from backend.core.errors import InvalidRequest
from backend.sources.addresses import Origin, origin
from backend.sources.errors import PermanentError

# IPv6 networks whose addresses contain an IPv4 address: mapped, compatible, translated (RFC 6052, RFC 2765).
EMBEDDING = tuple(map(IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "::ffff:0:0:0/96")))
# Private networks that Python calls global: local translation (RFC 8215), site-local.
PRIVATE = tuple(map(IPv6Network, ("64:ff9b:1::/48", "fec0::/10")))


class AddressGuard:
    """Refuses requests to private addresses (SSRF), except to hosts that are trusted or allowed."""

    def __init__(self, trusted_endpoints: Iterable[str], allowed_hosts: Iterable[str]):
        self._trusted = {origin(endpoint)[1:] for endpoint in trusted_endpoints}
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

    def trusts(self, host: str, port: int) -> bool:
        host = host.lower()
        return (host, port) in self._trusted or host in self._allowed or f"{host}:{port}" in self._allowed

    def permits(self, host: str, port: int, address: str) -> bool:
        """Return whether `host`, which resolved to `address`, may be connected to."""
        return self.trusts(host, port) or is_public(address)

    def check_url(self, url: str) -> None:
        """Raise PermanentError for what needs no name resolution: other schemes, invalid URLs, private addresses."""
        scheme, host, port = _checked(url)
        if scheme not in ("http", "https"):
            raise PermanentError(
                "bad_redirect",
                f"The server redirects to a {scheme or 'relative'} URL. Nothing was downloaded.",
            )
        address = _address_in(host)
        if address and not self.permits(host, port, address):
            raise PermanentError("private_address", refusal(host))

    def check_request(self, url: str) -> None:
        """Raise InvalidRequest for the same problems in a URL that a user typed."""
        try:
            self.check_url(url)
        except PermanentError as fault:
            raise InvalidRequest(fault.message, code=fault.code) from None


def _checked(url: str) -> Origin:
    try:
        httpx.URL(url)
        found = origin(url)
        found[1].encode("idna")  # as every name is before it is resolved
    except (ValueError, httpx.InvalidURL):
        raise PermanentError("bad_url", "This URL is invalid. Copy it whole and try again.") from None
    return found


def is_public(address: str) -> bool:
    """Return False for loopback, private, link-local, metadata and every other special address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        inner = _embedded(parsed)
        if inner:
            return is_public(str(inner))
        if any(parsed in network for network in PRIVATE):
            return False
    return parsed.is_global and not parsed.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.sixtofour:
        return address.sixtofour
    if any(address in network for network in EMBEDDING) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _address_in(host: str) -> str | None:
    """Return the address that `host` is, also in old notations: `2130706433` and `0x7f.1` are 127.0.0.1."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def refusal(host: str) -> str:
    return f"{host} is a private address, which downloads may not reach. To allow it, add it to DOWNLOAD_ALLOWED_HOSTS."
