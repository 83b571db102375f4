"""A user enters a URL, sees its files and their sizes, and downloads some of them."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OFFICIAL_REPOSITORY, violations
from tests.support.browser import follow
from tests.support.hub import Hub
from tests.support.hub.catalogue import CivitaiFile
from tests.support.hub.formats import pickle_checkpoint, safetensors
from tests.support.process import Process


def look_at(page: Page, address: str) -> None:
    follow(page.get_by_role("link", name="Downloads", exact=True))
    follow(page.get_by_role("link", name="Add downloads"))
    page.get_by_label("URL", exact=True).fill(address)
    page.get_by_role("button", name="Show files", exact=True).click()


def row(page: Page, name: str) -> Any:
    return page.get_by_role("listitem").filter(has_text=name)


def test_sizes_are_seen_before_the_click_and_chosen_files_arrive(
    signed_in: Page, hub: Hub, keep_picture: Any
) -> None:
    page = signed_in
    look_at(page, f"https://huggingface.co/{OFFICIAL_REPOSITORY}/tree/main")
    expect(page.get_by_text("Licence: apache-2.0")).to_be_visible()
    expect(page.get_by_role("heading", name="3 files 18.0 MB")).to_be_visible()
    expect(row(page, "ae.safetensors").get_by_role("combobox")).to_have_value("vae")
    download = page.get_by_role("button", name="Download", exact=False)
    expect(download).to_be_disabled()
    page.get_by_role("checkbox", name="ae.safetensors").check()
    expect(download).to_have_text("Download 1 file, 6.0 MB")
    page.get_by_role("button", name="Select all models").click()
    expect(download).to_have_text("Download 3 files, 18.0 MB")
    page.get_by_role("checkbox", name="qwen_3_4b").uncheck()
    keep_picture(page, "add-repository")
    download.click()
    expect(page.get_by_role("heading", name="Downloads")).to_be_visible()
    expect(page.get_by_text("Verified")).to_have_count(2)


def test_a_gated_model_leads_to_its_licence(signed_in: Page, hub: Hub, keep_picture: Any) -> None:
    page = signed_in
    hub.add("acme/rare", "rare.safetensors", safetensors(5_000_000))
    hub.repository("acme/rare").gated = True
    look_at(page, "acme/rare")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("require you to accept a licence")
    licence = alert.get_by_role("link", name="Open the licence page")
    expect(licence).to_have_attribute("href", "https://huggingface.co/acme/rare")
    keep_picture(page, "add-gated")
    page.get_by_role("checkbox", name="rare.safetensors").check()
    row(page, "rare.safetensors").get_by_role("combobox").select_option("loras")
    page.get_by_role("button", name="Download 1 file").click()
    expect(page.get_by_text("is gated: accept its licence at")).to_be_visible()
    expect(page.get_by_role("link", name="https://huggingface.co/acme/rare")).to_be_visible()


def test_a_file_that_can_run_code_wants_trust(signed_in: Page, hub: Hub, keep_picture: Any) -> None:
    page = signed_in
    old = CivitaiFile(name="old.ckpt", content=pickle_checkpoint(), type="Old", pickle_scan="Danger")
    hub.add_civitai(42, "daisy.safetensors", safetensors(3000), model_id=4, type="LORA", more=(old,))
    look_at(page, "https://civitai.com/models/4/daisy")
    expect(page.get_by_role("checkbox", name="daisy.safetensors")).to_be_checked()
    expect(row(page, "old.ckpt").get_by_text("Scan: unsafe")).to_be_visible()
    trust = page.get_by_role("checkbox", name="I trust the author")
    expect(trust).to_be_hidden()
    page.get_by_role("checkbox", name="old.ckpt").check()
    page.get_by_role("checkbox", name="daisy.safetensors").uncheck()
    expect(trust).to_be_visible()
    keep_picture(page, "add-pickle")
    page.get_by_role("button", name="Download 1 file").click()
    expect(page.get_by_role("status").get_by_text("can run code when it is loaded")).to_be_visible()
    trust.check()
    page.get_by_role("button", name="Download 1 file").click()
    expect(page.get_by_text("Verified")).to_be_visible()


def test_an_address_that_may_not_be_asked_is_refused_in_a_toast(signed_in: Page) -> None:
    look_at(signed_in, "http://127.0.0.1:22/secret.safetensors")
    expect(signed_in.get_by_role("status").get_by_text("is a private address")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light", "contrast"])
def test_the_listing_is_accessible(
    signed_in: Page, plane: Process, hub: Hub, axe: str, theme: str, keep_picture: Any
) -> None:
    page = signed_in
    hub.add("acme/models", "split_files/vae/a_model_with_a_name_of_some_length_bf16.safetensors", 60_000_000)
    hub.add("acme/models", "old.pth", pickle_checkpoint(), security="unsafe")
    hub.add("acme/models", "README.md", b"# Models\n", lfs=False)
    hub.repository("acme/models").gated = True
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    for device, width in (("desktop", 1280), ("phone", 360)):
        page.set_viewport_size({"width": width, "height": 860})
        page.goto(f"{plane.url}/downloads/add?url=acme/models")
        page.get_by_role("button", name="Select all models").click()
        expect(page.get_by_role("button", name="Download 2 files, 60.0 MB")).to_be_visible()
        keep_picture(page, f"add-look-{theme}-{device}")
        assert violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
