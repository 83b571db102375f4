"""A user drops a workflow and downloads the missing models."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OFFICIAL_FILES, SIZE, look_at
from tests.e2e.test_download_a_preset import gate_on
from tests.support.browser import follow
from tests.support.hub import Hub
from tests.support.workflows import drawn, node, png, text_chunk

WORKFLOW = drawn(
    node("UNETLoader", OFFICIAL_FILES[0][1], "default"),
    node("CLIPLoader", OFFICIAL_FILES[1][1], "lumina2"),
    node(
        "LoraLoaderModelOnly", "style/home_made_ink_with_a_very_long_name_v12_final_really.safetensors", 1.0
    ),
)
# What a drag from the desktop ends in, which no driver can perform itself.
DROP = """async (panel, [name, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name));
    panel.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def open_drop_zone(page: Page) -> None:
    follow(page.get_by_role("link", name="Presets", exact=True))
    follow(page.get_by_role("link", name="From a workflow"))


def test_a_dropped_picture_tells_its_needs_and_one_click_brings_them(
    signed_in: Page, workspace: Path, keep_picture: Any
) -> None:
    page = signed_in
    open_drop_zone(page)
    picture = png(text_chunk("workflow", WORKFLOW))
    page.locator("#workflow").evaluate(DROP, ["ComfyUI_00001_.png", list(picture)])
    rows = page.get_by_role("region", name="Files").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text=OFFICIAL_FILES[0][1])).to_contain_text("Available")
    expect(rows.filter(has_text="home_made_ink")).to_contain_text("Source unknown")
    expect(page.get_by_text("ComfyUI does not answer")).to_be_visible()
    look_at(page, "needs", keep_picture)
    page.get_by_role("button", name="Download 2 files").click()
    expect(page.get_by_text("Downloading 2 files")).to_be_visible()
    page.goto(page.url.replace("/presets/from-workflow", "/downloads"))
    expect(page.get_by_text("Verified")).to_have_count(2)
    for folder, name in OFFICIAL_FILES[:2]:
        assert (workspace / "ComfyUI/models" / folder / name).stat().st_size == SIZE


def test_the_needs_follow_the_downloads(signed_in: Page, hub: Hub, keep_picture: Any) -> None:
    page = signed_in
    gates = [gate_on(hub, number, after=(number + 1) * 1_500_000) for number in range(2)]
    open_drop_zone(page)
    page.get_by_label("Or paste its JSON").fill(json.dumps(WORKFLOW))
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Download 2 files").click()
    rows = [page.get_by_role("listitem").filter(has_text=name) for _, name in OFFICIAL_FILES[:2]]
    for gate, row, share in zip(gates, rows, ("25 %", "50 %"), strict=True):
        gate.wait_until_reached()
        expect(row.get_by_text("Downloading")).to_be_visible()
        expect(row.get_by_text(share)).to_be_visible()
    keep_picture(page, "needs-following")
    gates[0].release()
    expect(rows[0].get_by_text("Installed")).to_be_visible()
    expect(rows[1].get_by_text("Downloading")).to_be_visible()
    page.get_by_label("Or paste its JSON").fill("{ another one, half typed")
    expect(page.locator("#following")).to_have_count(0)
    gates[1].release()
    page.get_by_label("Or paste its JSON").fill(json.dumps(WORKFLOW))
    page.get_by_role("button", name="Check").click()
    expect(rows[1].get_by_text("Installed")).to_be_visible()


def test_a_pasted_workflow_is_looked_at(signed_in: Page) -> None:
    page = signed_in
    open_drop_zone(page)
    page.get_by_label("Or paste its JSON").fill(json.dumps(WORKFLOW))
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="3 files")).to_be_visible()


def test_what_is_no_workflow_is_explained_in_a_toast(signed_in: Page) -> None:
    page = signed_in
    open_drop_zone(page)
    page.get_by_label("Or paste its JSON").fill("{ nodes")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("status").get_by_text("This is not JSON")).to_be_visible()


def test_a_workflow_and_a_link_are_added_from_any_page(signed_in: Page, hub: Hub) -> None:
    page = signed_in
    page.locator("body").evaluate(DROP, ["flow.json", list(json.dumps(WORKFLOW).encode())])
    page.wait_for_url("**/presets/from-workflow?added=*")
    rows = page.get_by_role("region", name="Files").get_by_role("listitem")
    expect(rows).to_have_count(3)
    page.reload()
    expect(rows).to_have_count(3)
    paste = """text => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", text);
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(paste, "https://huggingface.co/acme/models")
    page.wait_for_url("**/downloads/add?url=*")
    expect(page.get_by_label("URL", exact=True)).to_have_value("https://huggingface.co/acme/models")
