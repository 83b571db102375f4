"""Pause a download in the middle, and count what is requested when it resumes."""

from typing import Any

from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.hub import File, OriginName


async def paused_after(count: int, pod: ControlPlane, hub: Hub, file: File, **wanted: Any) -> dict[str, Any]:
    """Return a transfer that is paused after the hub has sent `count` bytes of the file."""
    gate = hub.hold(file, after=count)
    transfer = await pod.download(url=hub.url_of(file), folder="checkpoints", **wanted)
    await pod.until(transfer["id"], lambda seen: seen["received"] == count)
    paused = await pod.client.post(f"/api/downloads/{transfer['id']}/pause")
    gate.release()
    body: dict[str, Any] = paused.json()
    assert (body["state"], body["received"]) == ("paused", count)
    return body


def bytes_asked(hub: Hub, origin: OriginName = "cdn") -> int:
    """Return the total length of all requested ranges."""
    return sum(stop - start for start, stop in _ranges(hub, origin))


def beginnings_asked(hub: Hub, origin: OriginName = "cdn") -> list[int]:
    """Return the start of each requested range."""
    return [start for start, _ in _ranges(hub, origin)]


def _ranges(hub: Hub, origin: OriginName) -> list[tuple[int, int]]:
    """Return the requested ranges, half-open. Redirects and metadata requests have none."""
    asked = [seen.headers["Range"] for seen in hub.requests_to(origin) if "Range" in seen.headers]
    bounds = [value.removeprefix("bytes=").split("-") for value in asked]
    return [(int(first), int(last) + 1) for first, last in bounds]
