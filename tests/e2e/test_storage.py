"""A user whose disk is full finds models that can go, and moves them to the trash."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.conftest import look_at
from tests.support.browser import follow


def test_a_model_without_a_preset_is_found_and_moved_to_the_trash_by_mistake(
    signed_in: Page, workspace: Path, keep_picture: Any
) -> None:
    page = signed_in
    old = workspace / "ComfyUI/models/loras/old/forgotten #1.safetensors"
    for file, size in ((old, 7_000_000), (workspace / "ComfyUI/models/vae/ae.safetensors", 3_000_000)):
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(size))
    follow(page.get_by_role("link", name="Storage", exact=True))
    models = page.get_by_role("region", name="Models").get_by_role("listitem")
    expect(models).to_have_count(2)
    expect(models.first).to_contain_text("forgotten #1.safetensors")
    expect(models.last).to_contain_text("Wrong file3.0 MB instead of 335.3 MB")
    models.last.get_by_text(re.compile(r"Used by \d+ presets")).click()
    expect(models.last.get_by_role("link", name="Text encoders and VAE for FLUX.1")).to_be_visible()
    keep_picture(page, "storage-models")
    page.get_by_label("Search").fill("FORGOTTEN")
    expect(models).to_have_count(1)
    models.get_by_role("button", name="Move loras/old/forgotten #1.safetensors to the trash").click()
    expect(page.get_by_text("No model matches.")).to_be_visible()
    toast = page.get_by_role("status").filter(has_text="to the trash, 7.0 MB.")
    expect(toast).to_be_visible()
    assert not old.exists()
    toast.get_by_role("button", name="Undo").click()
    expect(models).to_have_count(1)
    assert old.stat().st_size == 7_000_000


def test_selected_files_are_summed_up_and_moved_to_the_trash(
    signed_in: Page, workspace: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    folder = workspace / "ComfyUI/models/loras"
    folder.mkdir(parents=True)
    for name, size in (("one", 4_000_000), ("two", 3_000_000), ("three", 1_000_000)):
        (folder / f"{name}.safetensors").write_bytes(bytes(size))
    (folder / "link.safetensors").hardlink_to(folder / "one.safetensors")
    follow(page.get_by_role("link", name="Storage", exact=True))
    expect(page.locator(".treemap rect").first).to_be_visible()
    page.get_by_label("Select loras/one.safetensors").check()
    page.get_by_label("Select loras/two.safetensors").check()
    bar = page.get_by_role("form", name="Selected models")
    expect(bar).to_contain_text("7.0 MB · deleting frees 3.0 MB")
    page.get_by_label("Select loras/link.safetensors").check()
    expect(bar).to_contain_text("11.0 MB · deleting frees 7.0 MB")
    look_at(page, "storage-selected", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    bar.get_by_role("button", name="Move to trash").click()
    expect(bar).to_be_hidden()
    models = page.get_by_role("region", name="Models").get_by_role("listitem")
    expect(models).to_have_count(1)
    page.get_by_role("radio", name="Trash 3").check(force=True)
    expect(page.get_by_role("region", name="Trash").get_by_role("listitem")).to_have_count(3)
    keep_picture(page, "storage-trash")
