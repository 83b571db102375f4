"""A user runs templates from their forms in the browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.conftest import look_at
from tests.support.browser import follow
from tests.support.control_plane import PASSWORD
from tests.support.templates_pod import OF_EVERY_KIND, Pod, running_pod
from tests.support.workflows import png

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
INPAINT = "official:flux_fill_inpaint_example"
DROP = """([field, content]) => {
    const files = new DataTransfer()
    files.items.add(new File([Uint8Array.from(content)], "dropped.png", { type: "image/png" }))
    field.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }))
}"""


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    with running_pod(tmp_path_factory.mktemp("pod"), OF_EVERY_KIND) as pod:
        for name in OF_EVERY_KIND:
            pod.install_models(f"official:{name}")
        yield pod


@pytest.fixture
def browser_page(page: Page, console: list[str], pod: Pod) -> Page:
    page.goto(pod.plane.url)
    page.get_by_label("Password of this pod").fill(PASSWORD)
    follow(page.get_by_role("button", name="Sign in"))
    page.get_by_role("heading", name="Overview").wait_for()
    return page


def picture(name: str, content: bytes = png()) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def open_form(page: Page, pod: Pod, template: str) -> None:
    page.goto(f"{pod.plane.url}/jobs/new?template={template}")
    page.get_by_role("heading", name="Before it runs").wait_for()
    expect(page.get_by_text("on this pod").or_(page.get_by_text("No models needed")).first).to_be_visible()


def submitted(page: Page, pod: Pod) -> dict[str, Any]:
    """Press Run, wait for the end of the job on its page, and return it."""
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/jobs/*-*")
    expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    job: dict[str, Any] = pod.http.get(f"/api/jobs/{page.url.rpartition('/')[2]}").json()
    return job


def test_official_templates_of_every_kind_are_run_from_their_forms(browser_page: Page, pod: Pod) -> None:
    ended = {}
    for name in OF_EVERY_KIND:
        open_form(browser_page, pod, f"official:{name}")
        uploads = browser_page.locator("input[type=file][accept='image/*']")
        for number in range(uploads.count()):
            uploads.nth(number).set_input_files(picture(f"input {number}.png"))
            expect(browser_page.get_by_text(f"input {number}.png is uploaded")).to_be_visible()
        ended[name] = submitted(browser_page, pod)
    assert {name: (job["template"], job["source"]) for name, job in ended.items()} == {
        name: (f"official:{name}", "page") for name in OF_EVERY_KIND
    }
    kinds = {output["kind"] for job in ended.values() for output in job["outputs"]}
    assert {"image", "video", "audio", "3d", "text"} <= kinds


def test_a_picture_is_uploaded_dropped_and_refused(
    browser_page: Page, pod: Pod, axe: str, keep_picture: Any
) -> None:
    page = browser_page
    (pod.workspace / "ComfyUI/input/flux_fill_inpaint_example_input_image.png").unlink(missing_ok=True)
    open_form(page, pod, INPAINT)
    field = page.get_by_label("Load Image: image", exact=True)
    expect(page.get_by_text("flux_fill_inpaint_example_input_image.png is not on this pod")).to_be_visible()
    page.locator("input[type=file]").set_input_files(picture("my cat.png"))
    expect(page.get_by_role("img", name="Load Image: image")).to_be_visible()
    assert field.input_value().startswith("my cat-")
    look_at(page, "new-job-upload", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.evaluate(DROP, [field.element_handle(), list(png())])
    expect(page.get_by_text("dropped.png is uploaded")).to_be_visible()
    page.locator("input[type=file]").set_input_files(picture("nothing.png", b""))
    expect(page.get_by_text("The file is empty. Choose another one.")).to_be_visible()
    expect(page.get_by_role("img", name="Load Image: image")).to_be_visible()
    job = submitted(page, pod)
    assert any(str(value).startswith("dropped-") for value in job["values"].values())
