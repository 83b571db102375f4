"""A user exports the files of a pod as a preset and imports it on another pod."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import look_at, violations
from tests.e2e.test_from_a_workflow import DROP
from tests.support.browser import agree, follow
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors
from tests.support.process import Process

NAME = "ink_drawings_on_handmade_paper_with_a_very_long_name_v12_final.safetensors"
# Too much to hash in the second that one response waits.
LARGE = 3 * 10**9


@pytest.fixture
def lora(signed_in: Page, plane: Process, hub: Hub, workspace: Path) -> Path:
    """Return a file that came from the hub."""
    url = hub.url_of(hub.add("acme/style", NAME, safetensors(40_000)))
    answer = signed_in.request.post(
        f"{plane.url}/api/downloads", data={"url": url, "folder": "loras"}, headers={"Origin": plane.url}
    )
    assert answer.status == 202, answer.text()
    signed_in.goto(f"{plane.url}/downloads")
    expect(signed_in.get_by_text("Verified")).to_be_visible()
    return workspace / "ComfyUI/models/loras" / NAME


def test_a_preset_is_exported_imported_and_taken_off_the_list(
    signed_in: Page, plane: Process, lora: Path, tmp_path: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    (lora.parent / "home_made.safetensors").write_bytes(b"my own")
    page.goto(f"{plane.url}/presets")
    follow(page.get_by_role("link", name="Export"))
    page.get_by_label("Title").fill("Ink & paper")
    page.get_by_label("Id").fill("ink-and-paper")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_label("Preset as YAML")).to_have_value(re.compile("sha256"))
    expect(page.get_by_text("loras/home_made.safetensors")).to_be_visible()
    look_at(page, "export", keep_picture, axe)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save ink-and-paper.yaml").click()
    assert saved.value.suggested_filename == "ink-and-paper.yaml"
    saved.value.save_as(tmp_path / "saved.yaml")

    page.goto(f"{plane.url}/presets/import")
    text = list((tmp_path / "saved.yaml").read_bytes())
    page.locator("#import").evaluate(DROP, ["ink-and-paper.yaml", text])
    expect(page.get_by_role("heading", name="Ink & paper")).to_be_visible()
    expect(page.get_by_text("Imported on this pod")).to_be_visible()
    expect(page.get_by_text("Installed", exact=True)).to_be_visible()
    look_at(page, "imported", keep_picture, axe)

    page.goto(f"{plane.url}/presets?q=ink+paper")
    expect(page.get_by_text("imported", exact=True)).to_be_visible()
    follow(page.get_by_role("link", name="Ink & paper"))
    page.get_by_role("button", name="Remove from the list").click()
    agree(page)
    page.wait_for_url("**/presets")
    page.get_by_label("Search").fill("ink paper")
    page.get_by_label("On this pod").select_option("Not installed")
    expect(page.get_by_text("No preset matches")).to_be_visible()
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("0 added, 0 removed")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_value("ink paper")
    expect(page.get_by_label("On this pod")).to_have_value("false")
    expect(page.get_by_text("No preset matches")).to_be_visible()
    assert lora.exists()


def test_reading_large_files_is_watched(
    signed_in: Page, plane: Process, lora: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    with (lora.parent / "large.safetensors").open("wb") as file:
        os.truncate(file.fileno(), LARGE)
    page.goto(f"{plane.url}/presets/export")
    page.get_by_role("button", name="Select none").click()
    page.get_by_label("large.safetensors").check()
    page.get_by_role("button", name="Export").click()
    bar = page.get_by_role("progressbar", name="Hashed so far")
    expect(bar).to_have_attribute("max", str(LARGE))
    page.wait_for_function("document.querySelector('#exported progress')?.value > 0")
    keep_picture(page, "export-reading")
    assert violations(page, axe) == []
    expect(page.get_by_text("there is nothing to export")).to_be_visible(timeout=120_000)


def test_a_preset_with_a_mistake_says_in_which_line(signed_in: Page, plane: Process) -> None:
    page = signed_in
    page.goto(f"{plane.url}/presets/import")
    page.get_by_label("Or paste its text").fill("id: ink\ntitle: Ink\ncategory: x\nfiles: nothing")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").get_by_text("line 4: files")).to_be_visible()
    page.get_by_label("Or enter its URL").fill("http://169.254.169.254/")
    expect(page.get_by_label("Or paste its text")).to_have_value("")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").get_by_text("private address")).to_be_visible()
