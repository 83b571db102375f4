"""A user whose disk is full deletes a model that no preset uses."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.browser import agree, follow


def test_a_model_without_a_preset_is_found_and_deleted(
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
    models.get_by_role("button", name="Delete").click()
    assert agree(page, "Delete") == "Delete loras/old/forgotten #1.safetensors, 7.0 MB?"
    expect(page.get_by_text("No model matches.")).to_be_visible()
    expect(
        page.get_by_role("status").get_by_text("Deleted forgotten #1.safetensors, 7.0 MB.")
    ).to_be_visible()
    assert not old.exists()
