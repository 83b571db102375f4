"""A user downloads files that can run code when loaded, and must confirm it first."""

import json
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.conftest import look_at
from tests.support.hub import Hub
from tests.support.hub.formats import pickle_checkpoint
from tests.support.process import Process
from tests.support.workflows import declaring, drawn, node

NAME = "old_upscaler.pth"
INSISTED_ON = "box => box.matches(':invalid') && document.activeElement === box"


def url_on(hub: Hub) -> str:
    return hub.url_of(hub.add("acme/old", NAME, pickle_checkpoint(), security="unsafe"))


def add_preset(page: Page, plane: Process, hub: Hub) -> None:
    preset = {
        "id": "old-style",
        "title": "An upscaler of the old kind",
        "category": "Image",
        "files": [{"folder": "upscale_models", "filename": NAME, "url": url_on(hub)}],
    }
    origin = {"Origin": plane.url}
    answer = page.request.post(
        f"{plane.url}/api/presets/import", data=json.dumps(preset).encode(), headers=origin
    )
    assert answer.status == 201, answer.text()


def test_a_preset_with_a_pickle_asks_first(
    signed_in: Page, plane: Process, hub: Hub, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    add_preset(page, plane, hub)
    page.goto(f"{plane.url}/presets/old-style")
    row = page.get_by_role("listitem").filter(has_text=NAME)
    expect(row.get_by_text("Can run code when loaded")).to_be_visible()
    expect(row.get_by_text("Scan: unsafe")).to_be_visible()
    look_at(page, "preset-pickle", keep_picture, axe)
    trust = page.get_by_role("checkbox", name="I trust the author")
    page.get_by_role("button", name="Download").click()
    assert trust.evaluate(INSISTED_ON)
    trust.check()
    with page.expect_response("**/presets/old-style"):  # something else on this pod has changed
        page.evaluate("document.body.dispatchEvent(new CustomEvent('transfers-changed'))")
    expect(trust).to_be_checked()
    page.get_by_role("button", name="Download").click()
    expect(row.get_by_text("verified")).to_be_visible()
    expect(trust).to_be_hidden()


def test_a_workflow_with_a_pickle_asks_first(
    signed_in: Page, plane: Process, hub: Hub, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    page.goto(f"{plane.url}/presets/from-workflow")
    loader = node("UpscaleModelLoader", NAME, properties=declaring(url_on(hub), "upscale_models", NAME))
    page.get_by_label("Or paste its JSON").fill(json.dumps(drawn(loader)))
    page.get_by_role("button", name="Check").click()
    row = page.get_by_role("listitem").filter(has_text=NAME)
    expect(row.get_by_text("Can run code when loaded")).to_be_visible()
    look_at(page, "needs-pickle", keep_picture, axe)
    trust = page.get_by_role("checkbox", name="I trust the author")
    page.get_by_role("button", name="Download 1 file").click()
    assert trust.evaluate(INSISTED_ON)
    trust.check()
    page.get_by_role("button", name="Download 1 file").click()
    expect(page.get_by_text("Downloading 1 file.")).to_be_visible()
