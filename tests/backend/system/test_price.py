"""A user names the price of the pod, and pages show what the session has cost."""

import re
from pathlib import Path

import pytest

from backend.core.formatting import format_money
from backend.system.price import Price
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub

HTML = {"Accept": "text/html"}
FRAGMENT = {"Accept": "text/html", "HX-Request": "true"}


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1.239, "USD", "$1.24"),
        (0, "EUR", "€0.00"),
        (0.004, "USD", "< $0.01"),
        (1200, "CHF", "CHF 1200.00"),
    ],
)
def test_money_is_written_with_its_sign_or_its_letters(amount: float, currency: str, text: str) -> None:
    assert format_money(amount, currency) == text


def test_a_price_names_the_cost_of_any_time() -> None:
    price = Price(per_hour=0.345, currency="EUR")
    assert (price.text_of(7200), price.text_of(-5), str(price)) == ("€0.69", "€0.00", "€0.345 per hour")


async def test_the_price_is_saved_and_shown_on_every_page(workspace: Path, hub: Hub) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        view = (await pod.client.get("/api/price")).json()
        assert (view["per_hour"], view["session_cost"]) == (None, None)
        overview = (await pod.client.get("/", headers=HTML)).text
        assert "Set a price" in overview
        saved = await pod.client.post("/price", data={"per_hour": "0,5", "currency": "eur"}, headers=FRAGMENT)
        assert re.search(r"and has cost (&lt; )?€0\.\d\d\.", saved.text)
    async with running_control_plane(workspace, **hub_settings(hub), price_per_hour=9) as pod:
        view = (await pod.client.get("/api/price")).json()
        assert (view["per_hour"], view["currency"]) == (0.5, "EUR")
        assert 0 < view["session_cost"] < 1
        for path in ("/", "/storage", "/presets"):
            page = (await pod.client.get(path, headers=HTML)).text
            assert "€0.50 per hour" in page
            assert re.search(r'data-per-hour="0.5" data-money="€0.00">[&lt;€ \d.]+ · \d', page)


async def test_a_new_price_reaches_pages_that_were_built_before(pod: ControlPlane) -> None:
    assert "data-per-hour" not in (await pod.client.get("/presets", headers=HTML)).text
    await pod.client.put("/api/price", json={"per_hour": 2})
    assert 'data-per-hour="2.0"' in (await pod.client.get("/presets", headers=HTML)).text
    await pod.client.put("/api/price", json={"per_hour": None})
    assert "data-per-hour" not in (await pod.client.get("/presets", headers=HTML)).text


async def test_the_variables_name_the_price_until_another_is_saved(workspace: Path, hub: Hub) -> None:
    variables = {"price_per_hour": 0.25, "price_currency": "GBP"}
    async with running_control_plane(workspace, **hub_settings(hub), **variables) as pod:
        assert (await pod.client.get("/api/price")).json()["currency"] == "GBP"
        page = (await pod.client.get("/settings", headers=HTML)).text
        assert "at the price from PRICE_PER_HOUR" in page
        await pod.client.put("/api/price", json={"per_hour": 1})
        removed = await pod.client.put("/api/price", json={"per_hour": None})
        assert removed.json()["per_hour"] == 0.25


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf", "1e9", "a lot"])
async def test_a_wrong_price_is_refused_where_it_was_typed(pod: ControlPlane, wrong: str) -> None:
    answer = await pod.client.post("/price", data={"per_hour": wrong, "currency": "US"}, headers=FRAGMENT)
    assert answer.status_code == 400
    assert f'value="{wrong}"' in answer.text
    assert "A number above 0" in answer.text
    assert "Three letters" in answer.text
    assert (await pod.client.get("/api/price")).json()["per_hour"] is None


@pytest.mark.parametrize("content", ["{broken", "[]", '{"per_hour": NaN, "currency": "USD"}', "null"])
async def test_a_pod_works_with_a_damaged_price(workspace: Path, hub: Hub, content: str) -> None:
    file = workspace / ".comfypod/price.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await pod.client.get("/api/price")).json()["per_hour"] is None
