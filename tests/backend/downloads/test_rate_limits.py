"""Rate limits and schedule: the form on the page, and validation by the API."""

import re
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}
FILLED = {
    "files_at_once": "2",
    "connections": "8",
    "limit": "2,5",
    "polite": "true",
    "polite_limit": "1",
    "start": ["", "23:00"],
    "end": ["", "07:00"],
    "window_limit": ["", "0.1"],
}


async def save(pod: ControlPlane, **changes: Any) -> tuple[int, str]:
    answer = await pod.client.post("/downloads/limits", data=FILLED | changes, headers=FRAGMENT)
    return answer.status_code, answer.text


async def policy(pod: ControlPlane) -> dict[str, Any]:
    answer: dict[str, Any] = (await pod.client.get("/api/downloads/policy")).json()
    return answer


async def test_a_saved_policy_applies_and_is_shown(pod: ControlPlane) -> None:
    status, html = await save(pod)
    assert status == 200
    assert await policy(pod) == {
        "files_at_once": 2,
        "connections": 8,
        "limit": 2_500_000,
        "polite": True,
        "polite_limit": 1_000_000,
        "schedule": [{"start": "23:00:00", "end": "07:00:00", "limit": 100_000}],
    }
    assert "2 files at once · at most 2.5 MB/s · 1 scheduled limit · slower while ComfyUI generates" in html
    page = (await pod.client.get("/downloads", headers={"Accept": "text/html"})).text
    shown = re.findall(r'<input class="field" name="(\w+)" value="([^"]+)"', page)
    assert dict(shown) == {
        "files_at_once": "2",
        "connections": "8",
        "limit": "2.5",
        "polite_limit": "1",
        "start": "23:00",
        "end": "07:00",
        "window_limit": "0.1",
    }


async def test_an_empty_limit_means_no_limit(pod: ControlPlane) -> None:
    status, html = await save(pod, limit=" ", start=[], end=[], window_limit=[])
    assert (status, "no limit" in html) == (200, True)
    assert ((await policy(pod))["limit"], (await policy(pod))["schedule"]) == (None, [])


@pytest.mark.parametrize(
    ("field", "typed", "place", "wish"),
    [
        ("files_at_once", "17", "files_at_once", "A whole number from 1 to 16."),
        ("connections", "many", "connections", "A whole number from 1 to 16."),
        ("limit", "fast", "limit", "A number of MB/s from 0.1 to 100,000."),
        ("limit", "1e999", "limit", "A number of MB/s"),
        ("limit", "nan", "limit", "A number of MB/s"),
        ("polite_limit", "", "polite_limit", "A number of MB/s"),
        ("start", ["", "25:00"], "schedule-0-start", "A time such as 23:00."),
        ("start", ["", "23:00Z"], "schedule-0-start", "A time such as 23:00."),
        ("end", ["", ""], "schedule-0-end", "A time such as 07:00."),
        ("window_limit", ["", "0.01"], "schedule-0-limit", "A number of MB/s"),
        ("end", ["", "23:00"], "schedule-0", "These hours end when they begin."),
        ("start", ["01:00"] * 13, "schedule", "No more than 12 rows."),
    ],
)
async def test_a_mistake_is_explained_beside_its_field(
    pod: ControlPlane, field: str, typed: Any, place: str, wish: str
) -> None:
    before = await policy(pod)
    more = {"end": ["02:00"] * 13, "window_limit": ["1"] * 13} if place == "schedule" else {}
    status, html = await save(pod, **{field: typed}, **more)
    assert status == 400
    assert re.search(rf'<p id="error-{place}"[^>]*>{re.escape(wish)}', html)
    assert "Correct 1 field." in html
    assert await policy(pod) == before


async def test_empty_hours_and_time_zones_are_rejected_by_the_api(pod: ControlPlane) -> None:
    for start, end in (("23:00", "23:00"), ("23:00Z", "07:00")):
        window = {"start": start, "end": end, "limit": 1_000_000}
        answer = await pod.client.put("/api/downloads/policy", json={"schedule": [window]})
        assert answer.status_code == 400
