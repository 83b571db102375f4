"""A user opens the pod, finds a preset, and watches its models download."""

import os
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OFFICIAL_FILES, OFFICIAL_REPOSITORY, SIZE
from tests.support.browser import agree, choose, follow
from tests.support.hub import Hub, faults
from tests.support.hub.formats import safetensors
from tests.support.process import ROOT, Process


def open_official_preset(page: Page) -> None:
    follow(page.get_by_role("link", name="Presets", exact=True))
    page.get_by_label("Search").fill("z-image turbo text to image")
    best = page.get_by_role("main").get_by_role("listitem").first
    expect(best).to_contain_text(re.compile("Z-Image-Turbo", re.IGNORECASE))
    follow(best.get_by_role("link").first)


def gate_on(hub: Hub, number: int, after: int) -> Any:
    folder, name = OFFICIAL_FILES[number]
    return hub.hold(
        hub.repository(OFFICIAL_REPOSITORY).files("main")[f"split_files/{folder}/{name}"], after=after
    )


def test_an_official_preset_arrives_with_moving_bars_and_is_verified(
    signed_in: Page, hub: Hub, workspace: Path, keep_picture: Any
) -> None:
    page = signed_in
    gates = [gate_on(hub, number, after=(number + 1) * 1_500_000) for number in range(3)]
    open_official_preset(page)
    expect(page.get_by_text("Not installed · 6.0 MB")).to_have_count(3)
    expect(page.get_by_text("18.0 MB to download")).to_be_visible()
    page.get_by_role("button", name="Download").click()
    for gate in gates:
        gate.wait_until_reached()
    for (_, name), share in zip(OFFICIAL_FILES, ("25 %", "50 %", "75 %"), strict=True):
        row = page.get_by_role("listitem").filter(has_text=name)
        expect(row.get_by_text(share)).to_be_visible()
        expect(row.get_by_role("progressbar", name=name)).to_have_attribute("max", str(SIZE))
    expect(page.get_by_role("progressbar", name="All files of")).to_have_attribute("value", "9000000")
    expect(page.get_by_text("9.0 of 18.0 MB")).to_be_visible()
    keep_picture(page, "preset-downloading")
    if os.environ.get("UPDATE_PICTURES"):  # the README's
        page.screenshot(path=ROOT / "docs/images/preset-downloading.png")
    for gate in gates:
        gate.release()
    for _, name in OFFICIAL_FILES:
        expect(page.get_by_role("listitem").filter(has_text=name).get_by_text("verified")).to_be_visible()
    expect(page.get_by_text("Installed", exact=True)).to_be_visible()
    for folder, name in OFFICIAL_FILES:
        assert (workspace / "ComfyUI/models" / folder / name).stat().st_size == SIZE
    keep_picture(page, "preset-installed")
    follow(page.get_by_role("link", name="Downloads"))
    expect(page.get_by_text("Verified")).to_have_count(3)
    keep_picture(page, "downloads-finished")


def test_several_presets_are_downloaded_with_one_button(signed_in: Page, keep_picture: Any) -> None:
    page = signed_in
    follow(page.get_by_role("link", name="Presets", exact=True))
    expect(page.locator("#selection")).to_be_hidden()
    keep_picture(page, "presets-none-selected")
    page.get_by_label("Search").fill("z-image-turbo text to image")
    found = page.get_by_role("main").get_by_role("listitem")
    expect(found.first).to_contain_text(re.compile("Z-Image-Turbo", re.IGNORECASE))
    found.first.get_by_role("checkbox").check()
    page.get_by_label("Search").fill("realesrgan")
    expect(found.first).to_contain_text(re.compile("esrgan", re.IGNORECASE))
    found.first.get_by_role("checkbox").check()
    bar = page.get_by_role("form", name="Selected presets")
    expect(bar).to_contain_text("2 presets selected")
    page.get_by_label("Search").fill("z-image-turbo text to image")
    expect(found.first.get_by_role("checkbox")).to_be_checked()
    keep_picture(page, "presets-selected")
    trust = bar.get_by_label("I trust the author")
    if trust.count():
        trust.check()
    bar.get_by_role("button", name="Download").click()
    expect(page.get_by_text(re.compile(r"Downloading \d files"))).to_be_visible()
    expect(page.locator("#selection")).to_be_hidden()


def test_a_download_is_paused_resumed_and_cancelled_by_mistake(signed_in: Page, hub: Hub) -> None:
    page = signed_in
    gate = gate_on(hub, 0, after=3_000_000)
    open_official_preset(page)
    page.get_by_role("button", name="Download").dblclick()  # the second click must not hit Cancel
    gate.wait_until_reached()
    name = OFFICIAL_FILES[0][1]
    follow(page.get_by_role("link", name="Downloads"))
    row = page.get_by_role("listitem").filter(has_text=name)
    row.get_by_role("button", name=f"Pause {name}").click()
    expect(row.get_by_text("Paused")).to_be_visible()
    row.get_by_role("button", name=f"Resume {name}").click()
    expect(row.get_by_text("Downloading")).to_be_visible()
    choose(page, f"More actions for {name}", f"Cancel {name}")
    expect(row.get_by_text("Cancelled")).to_be_visible()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(row.get_by_text("Downloading")).to_be_visible()
    gate.release()
    expect(row.get_by_text("Verified")).to_be_visible()


def test_a_file_that_fails_says_why_and_can_be_retried(signed_in: Page, hub: Hub) -> None:
    page = signed_in
    folder, name = OFFICIAL_FILES[2]
    broken = hub.repository(OFFICIAL_REPOSITORY).files("main")[f"split_files/{folder}/{name}"]
    hub.fault(broken, faults.Status(code=404, on="resolve"))
    open_official_preset(page)
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("has no such file")).to_be_visible()
    follow(page.get_by_role("link", name="Downloads"))
    row = page.get_by_role("listitem").filter(has_text=name)
    row.get_by_role("button", name=f"Retry {name}").click()
    expect(row.get_by_text("Verified")).to_be_visible()


def test_the_page_notices_when_the_control_plane_is_away_and_comes_back(
    signed_in: Page, plane: Process, keep_picture: Any
) -> None:
    page = signed_in
    banner = page.get_by_text("The connection to the pod is lost")
    with page.expect_websocket() as socket:
        page.get_by_role("link", name="Downloads").click()
    socket.value.wait_for_event("framereceived")
    expect(banner).to_be_hidden()
    plane.stop()
    expect(banner).to_be_visible()
    keep_picture(page, "away")
    plane.start()
    expect(banner).to_be_hidden(timeout=20_000)


def test_a_torn_file_is_told_from_the_right_one_and_put_aside(
    signed_in: Page, workspace: Path, keep_picture: Any
) -> None:
    page = signed_in
    models = workspace / "ComfyUI/models"
    for folder, name in OFFICIAL_FILES:
        (models / folder).mkdir(parents=True, exist_ok=True)
        (models / folder / name).write_bytes(b"torn")
    open_official_preset(page)
    expect(page.get_by_text("Shorter than published: 4 B instead of 6.0 MB.")).to_have_count(3)
    expect(page.get_by_role("button", name="Delete files")).to_have_count(0)
    keep_picture(page, "preset-other-files")
    page.get_by_role("button", name="Download the right files").click()
    agree(page)
    expect(page.get_by_text("Installed · 6.0 MB · verified")).to_have_count(3)
    for folder, name in OFFICIAL_FILES:
        stem, _, ending = name.rpartition(".")
        assert (models / folder / f"{stem}.aside-1.{ending}").read_bytes() == b"torn"


def test_a_damaged_file_is_found_and_repaired(signed_in: Page, workspace: Path, keep_picture: Any) -> None:
    page = signed_in
    for number, (folder, name) in enumerate(OFFICIAL_FILES):
        path = workspace / "ComfyUI/models" / folder / name
        path.parent.mkdir(parents=True)
        content = safetensors(SIZE, seed=number).read(0, SIZE)
        path.write_bytes(content[:-1000] if number == 0 else content)
    open_official_preset(page)
    shorter = page.get_by_role("listitem").filter(has_text=OFFICIAL_FILES[0][1])
    expect(shorter.get_by_text("Shorter than published")).to_be_visible()
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.get_by_text("Installed · 6.0 MB · verified")).to_have_count(2)
    keep_picture(page, "preset-truncated")
    shorter.get_by_role("button", name="Repair").click()
    assert "Download the missing 1.0 kB" in agree(page)
    expect(page.get_by_text("Installed · 6.0 MB · verified")).to_have_count(3)
