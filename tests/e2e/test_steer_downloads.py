"""A user controls the queue on the Downloads page."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import look_at, violations
from tests.support.browser import agree, choose, follow
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.content import Enormous
from tests.support.hub.formats import safetensors

SIZE = 6_000_000
LONG = "a_model_with_a_name_that_says_everything_about_it" + "-and-more" * 6 + "_v12_fp8_scaled.safetensors"
REPOSITORY = "acme/models"


@pytest.fixture
def models(hub: Hub) -> dict[str, HubFile]:
    names = [
        "ant.safetensors",
        "bee.safetensors",
        "cat.safetensors",
        "dog.safetensors",
        "eel.safetensors",
        LONG,
    ]
    return {name: hub.add(REPOSITORY, name, safetensors(SIZE, seed=seed)) for seed, name in enumerate(names)}


@pytest.fixture
def downloads(signed_in: Page) -> Page:
    follow(signed_in.get_by_role("link", name="Downloads", exact=True))
    return signed_in


def ask(page: Page, hub: Hub, file: HubFile, **wanted: Any) -> None:
    """Request a file through the API, as another client would."""
    body = {"url": hub.url_of(file), "folder": "loras", **wanted}
    answer = page.request.post(urljoin(page.url, "/api/downloads"), data=body)
    assert answer.ok, answer.text()


def policy(page: Page, **changes: Any) -> None:
    answer = page.request.put(urljoin(page.url, "/api/downloads/policy"), data=changes)
    assert answer.ok, answer.text()


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_text(name, exact=True))


def keep_pictures(page: Page, keep: Any, name: str) -> None:
    look_at(page, name, keep)
    page.set_viewport_size({"width": 1280, "height": 860})


def test_a_queue_in_every_state_is_steered(
    downloads: Page, hub: Hub, models: dict[str, HubFile], axe: str, keep_picture: Any
) -> None:
    page = downloads
    hub.fault(models["ant.safetensors"], faults.WrongContent(times=1, at_least=SIZE // 2))
    hub.fault(models["bee.safetensors"], faults.Status(code=404, on="resolve"))
    hub.fault(models["cat.safetensors"], faults.RateLimited(seconds=250))
    for name in ("ant.safetensors", "bee.safetensors", "cat.safetensors", "eel.safetensors"):
        ask(page, hub, models[name])
    expect(row(page, "eel.safetensors").get_by_text("Verified")).to_be_visible()
    expect(row(page, "ant.safetensors").get_by_text("Quarantined", exact=True)).to_be_visible()
    waiting = row(page, "cat.safetensors")
    expect(
        waiting.get_by_text(re.compile(r"limits the rate of requests\.\s+Retries in 4 min \d+ s"))
    ).to_be_visible()
    policy(page, files_at_once=1)
    gate = hub.hold(models[LONG], after=SIZE // 4)
    for name in (LONG, "dog.safetensors"):
        ask(page, hub, models[name])
    ask(page, hub, models["dog.safetensors"], folder="loras/style")
    gate.wait_until_reached()
    expect(row(page, LONG).get_by_text("1 connection")).to_be_visible()
    row(page, "ant.safetensors").get_by_text("Log", exact=True).click()
    expect(row(page, "ant.safetensors").get_by_text("Requested from")).to_be_visible()
    keep_pictures(page, keep_picture, "downloads-every-state")
    assert violations(page, axe) == []
    last = page.get_by_role("listitem").filter(has_text="loras/style")
    last.get_by_role("button", name="More actions").click()
    last.get_by_role("button", name="Move to top dog.safetensors").click()
    expect(last.get_by_role("button", name="Move to top", include_hidden=True)).to_have_count(0)
    # What a person has opened stays open while the page moves on.
    expect(row(page, "ant.safetensors").get_by_text("Requested from")).to_be_visible()
    page.get_by_role("button", name="Pause all").click()
    expect(page.get_by_role("button", name="Pause all")).to_be_hidden()
    gate.release()
    page.get_by_role("button", name="Resume all").click()
    expect(page.get_by_text("Verified")).to_have_count(5)


def test_the_queue_is_ordered_by_keyboard_and_by_dragging_and_other_tabs_follow(
    downloads: Page, hub: Hub, models: dict[str, HubFile]
) -> None:
    page = downloads
    other = page.context.new_page()
    other.goto(page.url)
    policy(page, files_at_once=1)
    names = ["ant.safetensors", "bee.safetensors", "cat.safetensors", "dog.safetensors"]
    gate = hub.hold(models[names[0]], after=SIZE // 2)
    for name in names:
        ask(page, hub, models[name])
    gate.wait_until_reached()
    ant, bee, cat, dog = names
    for tab in (page, other):
        expect(tab.locator(".transfer-name")).to_have_text(names)
        expect(tab).to_have_title(re.compile("^50 % · Downloads"))
    handle = page.get_by_role("button", name=f"Move {dog}")
    handle.focus()
    page.keyboard.press("ArrowUp")
    for tab in (page, other):
        expect(tab.locator(".transfer-name")).to_have_text([ant, bee, dog, cat])
    expect(handle).to_be_focused()
    page.get_by_role("button", name=f"Move {cat}").hover()
    page.mouse.down()
    target = page.get_by_role("button", name=f"Move {bee}").bounding_box()
    assert target
    page.mouse.move(target["x"] + 5, target["y"], steps=4)
    page.mouse.up()
    for tab in (page, other):
        expect(tab.locator(".transfer-name")).to_have_text([ant, cat, bee, dog])
    expect(page.get_by_role("img", name="Speed of the last two minutes")).to_be_visible()
    gate.release()
    expect(page.get_by_text("Verified")).to_have_count(4)
    expect(page).to_have_title("Downloads · ComfyPod")


def test_limits_and_a_schedule_are_set(downloads: Page, axe: str, keep_picture: Any) -> None:
    page = downloads
    page.get_by_text("Speed and schedule").click()
    page.get_by_label("Files at once").fill("17")
    page.get_by_label("Speed limit, MB/s").fill("fast")
    for start, end in (("23:00", "07:00"), ("12:00", "")):
        page.get_by_role("button", name="Add hours").click()
        hours = page.get_by_role("list", name="Schedule").get_by_role("listitem").last
        hours.get_by_label("From").fill(start)
        hours.get_by_label("To", exact=True).fill(end)
        hours.get_by_label("Limit, MB/s").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved. Correct 3 fields.")).to_be_visible()
    expect(page.get_by_label("Files at once")).to_have_accessible_description("A whole number from 1 to 16.")
    expect(page.get_by_label("Speed limit, MB/s")).to_have_value("fast")
    keep_pictures(page, keep_picture, "downloads-limits")
    assert violations(page, axe) == []
    page.get_by_label("Files at once").fill("2")
    page.get_by_label("Speed limit, MB/s").fill("25")
    page.get_by_role("button", name="Remove").last.click()
    page.get_by_label("Slow down while ComfyUI is generating").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_text("Not saved.")).to_be_hidden()
    said = "2 files at once · at most 25.0 MB/s · 1 scheduled limit · slower while ComfyUI generates"
    expect(page.get_by_text(said)).to_be_visible()
    page.reload()
    expect(page.get_by_text(said)).to_be_visible()


def test_forty_files_can_be_overlooked_and_searched_while_they_arrive(
    downloads: Page, hub: Hub, axe: str, keep_picture: Any
) -> None:
    page = downloads
    small, large = (
        [
            hub.add(REPOSITORY, f"{size}-{number:02}.safetensors", safetensors(size, seed=number))
            for number in range(20)
        ]
        for size in (5000, SIZE)
    )
    for file in small:
        ask(page, hub, file)
    expect(page.get_by_text("Verified")).to_have_count(20)
    gates = [hub.hold(file, after=SIZE // 3) for file in large]
    for file in large:
        ask(page, hub, file)
    expect(page.get_by_text("33 % ·")).to_have_count(4)
    keep_pictures(page, keep_picture, "downloads-forty")
    search = page.get_by_label("Search finished downloads")
    search.fill("5000-07")
    finished = page.get_by_role("region", name="Finished").get_by_role("listitem")
    expect(finished).to_have_count(1)
    page.get_by_role("radio", name="Done").check(force=True)
    for gate in gates:
        gate.release()
    expect(page.get_by_role("region", name="Active")).to_be_hidden(timeout=30_000)
    expect(page.get_by_role("radio", name="Done 40")).to_be_checked()
    expect(finished).to_have_count(1)
    expect(search).to_have_value("5000-07")
    page.reload()
    expect(finished).to_have_count(1)
    search.fill("nothing like it")
    expect(page.get_by_text("No download matches.")).to_be_visible()
    page.get_by_role("button", name="Clear history").click()
    agree(page)
    expect(page.get_by_text("No downloads yet")).to_be_visible()
    assert violations(page, axe) == []


def test_another_tab_sees_a_new_order_and_a_cleared_history(
    downloads: Page, hub: Hub, models: dict[str, HubFile]
) -> None:
    page = downloads
    other = page.context.new_page()
    other.goto(page.url)
    ask(page, hub, models["ant.safetensors"])
    expect(row(other, "ant.safetensors").get_by_text("Verified")).to_be_visible()
    page.get_by_role("button", name="Clear history").click()
    agree(page)
    expect(other.get_by_text("No downloads yet")).to_be_visible()


def test_what_does_not_fit_names_what_could_be_freed(
    downloads: Page, hub: Hub, models: dict[str, HubFile], axe: str, keep_picture: Any
) -> None:
    page = downloads
    gate = hub.hold(models[LONG], after=SIZE // 2)
    ask(page, hub, models[LONG])
    gate.wait_until_reached()
    row(page, LONG).get_by_role("button", name="Pause").press("Enter")
    expect(row(page, LONG).get_by_role("button", name="Resume")).to_be_focused()
    ask(page, hub, hub.add(REPOSITORY, "huge.safetensors", Enormous()))
    expect(page.get_by_text("Not enough disk space for the queued downloads")).to_be_visible()
    keep_pictures(page, keep_picture, "downloads-short")
    assert violations(page, axe) == []
    page.get_by_role("region", name="Disk space").get_by_role("button", name=f"Cancel {LONG}").click()
    agree(page)
    expect(page.get_by_text("To free space")).to_be_visible()
    choose(page, "More actions for huge.safetensors", "Cancel huge.safetensors")
    expect(page.get_by_text("Not enough disk space")).to_be_hidden()


def test_space_is_freed_where_files_did_not_fit(
    downloads: Page, hub: Hub, models: dict[str, HubFile], axe: str
) -> None:
    page = downloads
    gate = hub.hold(models[LONG], after=SIZE // 2)
    ask(page, hub, models[LONG])
    gate.wait_until_reached()
    row(page, LONG).get_by_role("button", name="Pause").click()
    expect(row(page, LONG).get_by_role("button", name="Resume")).to_be_visible()
    huge = hub.add(REPOSITORY, "huge.safetensors", Enormous())
    page.goto(urljoin(page.url, f"/downloads/add?url={hub.url_of(huge)}"))
    page.get_by_label("Folder for huge.safetensors").select_option("loras")
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("Not enough disk space: these files need 1.0 PB")).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_role("button", name=f"Cancel {LONG} and free 3.0 MB").click()
    agree(page)
    expect(page.get_by_text("To free space")).to_be_visible()
