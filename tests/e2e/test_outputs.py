"""A user looks through what ComfyUI has made, runs a picture again, and tidies up."""

import io
import os
import re
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import look_at
from tests.support.comfyui.graphs import picture as prompt_of_picture
from tests.support.comfyui.tree.media import png

PROMPT = {"90": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox in fresh snow"}}}
GRAPH = {"nodes": [{"id": 1, "type": "EmptyImage"}], "links": [], "version": 0.4}


def save(folder: Path, name: str, age: float = 0, **metadata: Any) -> Path:
    """Save a picture as ComfyUI does, at once."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{file.name}"
    draft.write_bytes(png(640, 480, hash(name) % 2**24, metadata))
    os.utime(draft, (time.time() - age,) * 2)
    draft.rename(file)
    return file


@pytest.fixture
def folder(workspace: Path) -> Path:
    folder = workspace / "ComfyUI/output"
    for number in range(6):
        save(
            folder, f"fox_{number}.png", 60 * number + 10, prompt=PROMPT | prompt_of_picture(), workflow=GRAPH
        )
    save(folder, "old/castle.png", 3 * 86400)
    return folder


def test_pictures_are_found_enlarged_and_appear_by_themselves(
    signed_in: Page, folder: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    page.get_by_role("link", name="Outputs", exact=True).first.click()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(7)
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    look_at(page, "outputs", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})

    tiles.first.get_by_role("link").click()
    lightbox = page.get_by_role("dialog", name="Output")
    expect(lightbox.get_by_role("heading", name="fox_0.png")).to_be_visible()
    expect(lightbox.get_by_text("a red fox in fresh snow")).to_be_visible()
    expect(lightbox.get_by_text("640 × 480")).to_be_visible()
    expect(lightbox.get_by_role("link", name="Open in ComfyUI")).to_have_attribute(
        "href", re.compile(r":3001/\?template=comfypod-fox_0-[0-9a-f]{8}$")
    )
    look_at(page, "outputs-lightbox", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.keyboard.press("ArrowRight")
    expect(lightbox.get_by_role("heading", name="fox_1.png")).to_be_visible()
    page.keyboard.press("Delete")
    expect(lightbox.get_by_role("heading", name="fox_2.png")).to_be_visible()
    expect(tiles).to_have_count(6)
    lightbox.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(7)
    page.keyboard.press("ArrowLeft")
    expect(lightbox.get_by_role("heading", name="fox_1.png")).to_be_visible()
    page.keyboard.press("Escape")
    expect(lightbox).to_be_hidden()
    expect(tiles.nth(1).get_by_role("link")).to_be_focused()

    save(folder, "new.png")
    expect(tiles).to_have_count(8)
    expect(tiles.first).to_have_attribute("data-path", "new.png")
    expect(page.get_by_role("heading", name="Today")).to_have_count(1)

    page.get_by_label("Search").fill("RED FOX")
    expect(tiles).to_have_count(6)
    page.get_by_label("Search").fill("nothing like it")
    expect(page.get_by_text("No output matches")).to_be_visible()


def test_a_selection_is_downloaded_deleted_and_restored(signed_in: Page, folder: Path) -> None:
    page = signed_in
    page.goto(page.url + "outputs")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(7)
    tiles.first.hover()
    tiles.first.get_by_role("checkbox").check()
    tiles.nth(2).get_by_role("link").click(modifiers=["Shift"])
    toolbar = page.get_by_role("toolbar", name="Selected outputs")
    expect(toolbar).to_contain_text("3 selected")
    with page.expect_download() as started:
        toolbar.get_by_role("button", name="Download").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes()))
    assert archive.namelist() == ["fox_0.png", "fox_1.png", "fox_2.png"]
    assert archive.testzip() is None
    assert Image.open(io.BytesIO(archive.read("fox_0.png"))).size == (640, 480)

    toolbar.get_by_role("button", name="Move to trash").click()
    expect(tiles).to_have_count(4)
    expect(toolbar).to_be_hidden()
    assert not (folder / "fox_0.png").exists()
    page.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(7)
    assert (folder / "fox_0.png").exists()


def test_the_keyboard_alone_selects_and_deletes(signed_in: Page, folder: Path) -> None:
    page = signed_in
    page.goto(page.url + "outputs")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(7)
    tiles.first.get_by_role("link").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("Delete")
    expect(tiles).to_have_count(5)
    assert not (folder / "fox_1.png").exists()
