"""A user watches, reorders, repeats and compares jobs in the browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import environment_with, look_at, violations
from tests.support.comfyui.graphs import Graph, through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.process import Process, running_process

pytestmark = pytest.mark.slow

PROMPTS = ["a red fox in the snow", "a lighthouse at dusk", "a bowl of ramen"]


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture
def plane(workspace: Path, comfyui: ComfyUI) -> Iterator[Process]:
    """A control plane whose ComfyUI runs."""
    with running_process(environment_with(workspace, comfyui.url)) as process:
        yield process


def workflow(**slow: Any) -> Graph:
    """Text, sampler with steps and previews, picture."""
    graph = through("TestSlow", **slow)
    graph["1"]["inputs"] |= {"width": 256, "height": 256}
    graph["5"]["_meta"] = {"title": "Sampler"}
    graph["6"] = {
        "class_type": "TestText",
        "inputs": {"image": ["1", 0], "text": ""},
        "_meta": {"title": "Prompt"},
    }
    graph["5"]["inputs"]["image"] = ["6", 0]
    return graph


def submit(page: Page, prompt: Graph, *jobs: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"prompt": prompt, "template": "portrait", "jobs": list(jobs)}
    answer = page.request.post(urljoin(page.url, "/api/jobs"), data=body)
    assert answer.ok, answer.text()
    submitted: list[dict[str, Any]] = answer.json()["jobs"]
    return submitted


def order(page: Page) -> Locator:
    """The names in the queue."""
    links = page.get_by_role("list", name="Jobs that run next").get_by_role("link")
    return links.filter(has_text=re.compile(r"\w"))


def test_the_queue_is_watched_reordered_and_cancelled(
    signed_in: Page, workspace: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    gate = workspace / "gate"
    page.goto(urljoin(page.url, "/jobs"))
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    submit(page, workflow(steps=10_000, seconds=0.05), {"name": "film"})
    submit(page, through("TestWaitForFile", path=str(gate)), *({"name": name} for name in "abcd"))
    running_job = page.get_by_role("region", name="Running")
    expect(running_job.get_by_text("Sampler")).to_be_visible()
    expect(running_job.get_by_text(re.compile(r"\d+ of 10000"))).to_be_visible()
    preview = running_job.get_by_role("img", name="Preview of film")
    expect(preview).to_be_visible()
    with page.expect_response(lambda answer: "/preview?" in answer.url) as shown:
        pass
    assert shown.value.headers["content-type"] == "image/jpeg"
    expect(page.get_by_role("link", name=re.compile(r"^Jobs\s*5$"))).to_be_visible()
    look_at(page, "jobs-queue", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})

    # By keyboard alone.
    page.get_by_role("button", name="Move c").focus()
    page.keyboard.press("ArrowUp")
    expect(order(page)).to_have_text(["a", "c", "b", "d"])
    expect(page.get_by_role("button", name="Move c")).to_be_focused()
    # By dragging.
    handle = page.get_by_role("button", name="Move d").bounding_box()
    above = page.get_by_role("button", name="Move a").bounding_box()
    assert handle
    assert above
    page.mouse.move(handle["x"] + 8, handle["y"] + 8)
    page.mouse.down()
    page.mouse.move(above["x"] + 8, above["y"] + 4, steps=6)
    page.mouse.up()
    expect(order(page)).to_have_text(["d", "a", "c", "b"])
    # Several at once.
    page.get_by_label("Select c", exact=True).check()
    page.get_by_label("Select b", exact=True).check()
    page.get_by_role("button", name="First").click()
    expect(order(page)).to_have_text(["c", "b", "d", "a"])
    page.get_by_label("Select d", exact=True).check()
    page.get_by_label("Select a", exact=True).check()
    page.get_by_role("group", name="Selected jobs").get_by_role("button", name="Cancel").click()
    expect(order(page)).to_have_text(["c", "b"])
    page.reload()
    expect(order(page)).to_have_text(["c", "b"])

    running_job.get_by_role("button", name="Cancel film").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(running_job.get_by_role("link", name="c")).to_be_visible()
    gate.touch()
    history = page.get_by_role("region", name="History")
    expect(history.get_by_role("link", name="b, succeeded")).to_be_visible()
    history.get_by_text(re.compile(r"Cancelled\s*3")).click()
    expect(history.get_by_role("link")).to_have_count(3)
    expect(page).to_have_url(re.compile("state=cancelled"))


def test_a_job_is_edited_varied_and_compared(signed_in: Page, axe: str, keep_picture: Any) -> None:
    page = signed_in
    (job,) = submit(page, workflow(seed=1), {"name": "fox", "values": {"6.text": PROMPTS[0]}})
    page.goto(urljoin(page.url, f"/jobs/{job['id']}"))
    expect(page.get_by_role("img", name="Output 1 of fox")).to_be_visible()
    look_at(page, "job", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_role("button", name="Vary the seed").click()
    page.wait_for_url(lambda url: job["id"] not in url)
    expect(page.get_by_role("img", name="Output 1 of fox")).to_be_visible()
    page.get_by_label("Prompt: text").fill(PROMPTS[1])
    page.get_by_role("button", name="Run with these values").click()
    page.get_by_label("Prompt: text").filter(has_text=PROMPTS[1]).wait_for()
    expect(page.get_by_role("img", name="Output 1 of fox")).to_be_visible()
    page.get_by_label("With another run of this workflow").select_option(job["id"])
    page.get_by_role("button", name="Compare").click()
    rows = page.get_by_role("row", name=re.compile("differs"))
    expect(rows).to_have_count(2)
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("img").last).to_have_css("clip-path", "inset(0px 0px 0px 0%)")
    look_at(page, "job-compare", keep_picture)
    assert violations(page, axe) == []


def test_a_batch_shows_its_axes_and_retries_what_failed(signed_in: Page, axe: str, keep_picture: Any) -> None:
    page = signed_in
    grid = {"6.text": PROMPTS, "5.steps": [2, 4]}
    answer = page.request.post(urljoin(page.url, "/api/jobs"), data={"document": workflow(), "grid": grid})
    page.goto(urljoin(page.url, f"/batches/{answer.json()['batch_id']}"))
    expect(page.get_by_text("6 of 6 succeeded")).to_be_visible()
    expect(page.get_by_role("columnheader")).to_have_text(["2", "4"])
    expect(page.get_by_role("rowheader")).to_have_text(PROMPTS)
    look_at(page, "batch", keep_picture)
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 1280, "height": 860})

    broken = submit(
        page, through("TestFail", message="no such colour"), *({"retry_limit": 0} for _ in range(2))
    )
    page.goto(urljoin(page.url, f"/batches/{broken[0]['batch_id']}"))
    page.get_by_role("button", name="Retry 2 failed").click()
    page.get_by_role("link", name="portrait, failed").first.click()
    expect(page.get_by_role("region", name="Error").get_by_text("no such colour").first).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="2 · failed")).to_be_visible()
    page.get_by_text("Traceback").click()
    look_at(page, "job-failed", keep_picture)
    assert violations(page, axe) == []


def test_a_grid_is_run_from_the_form_of_a_workflow(
    signed_in: Page, workspace: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    folder = workspace / "workflows"
    folder.mkdir()
    (folder / "portrait.json").write_text(json.dumps(workflow(seed=1, steps=2)))
    page.goto(urljoin(page.url, "/jobs"))
    page.get_by_role("link", name="New job").first.click()
    page.get_by_label("Search templates").fill("folder:portrait")
    page.get_by_role("link", name="portrait").wait_for()
    page.get_by_role("link", name="portrait").click()
    expect(page.get_by_text("No models needed")).to_be_visible()
    page.get_by_text("Vary inputs").click()
    page.get_by_label("Vary", exact=True).select_option("Sampler: steps")
    page.get_by_label("Values 1").fill("2..4")
    page.get_by_role("spinbutton", name="Runs").fill("2")
    look_at(page, "new-job-form", keep_picture)
    assert violations(page, axe) == []
    page.get_by_role("button", name="Run 6 jobs").click()
    expect(page.get_by_text("6 of 6 succeeded")).to_be_visible()
    expect(page.get_by_role("columnheader")).to_have_text(["2", "3", "4"])
