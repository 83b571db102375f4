"""The owner has the overview open while the pod prepares, and sees what it is doing and what went wrong."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.browser import agree, follow
from tests.support.supervisor import FakeSupervisor


def report(workspace: Path, **content: Any) -> None:
    (workspace / "run" / "workspace.json").write_text(json.dumps({"state": "ready", **content}))


def test_the_open_page_follows_what_happens_to_the_volume(
    signed_in: Page, workspace: Path, keep_picture: Any
) -> None:
    page = signed_in
    (workspace / "run").mkdir(exist_ok=True)
    report(workspace, activity="Installing the packages of 2 nodes: Lists, Declares.")
    doing = page.get_by_text("ComfyUI starts after this: Installing the packages of 2 nodes")
    expect(doing).to_be_visible()
    problem = {"code": "node_left_out", "message": "Lists is left out of this run.", "remedy": "Update it."}
    report(workspace, problems=[problem], notes=["What another image left here is kept as venv.replaced-x."])
    expect(page.get_by_role("alert").get_by_text("Lists is left out of this run. Update it.")).to_be_visible()
    expect(doing).to_be_hidden()
    expect(page.get_by_text("is kept as venv.replaced-x")).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 860})
        keep_picture(page, f"overview-with-a-problem-{width}")


def test_a_crashed_comfyui_is_started_again_where_one_sees_it(
    signed_in: Page, supervisor: FakeSupervisor
) -> None:
    panel = signed_in.get_by_role("region", name="ComfyUI")
    expect(panel.get_by_text("It has crashed and will be restarted.")).to_be_visible()
    panel.get_by_role("button", name="Restart ComfyUI").click()
    assert agree(signed_in, "Restart ComfyUI") == "Restart ComfyUI? The running generation is lost."
    expect(signed_in.get_by_role("status").get_by_text("ComfyUI is restarting.")).to_be_visible()
    expect(panel.get_by_text("Starting", exact=True)).to_be_visible()
    assert supervisor.calls == [("stop", "comfyui"), ("start", "comfyui")]


def test_more_folders_are_named_and_a_wrong_one_is_refused(signed_in: Page, tmp_path: Path) -> None:
    page = signed_in
    follow(page.get_by_role("link", name="Settings"))
    folder = page.get_by_label("One folder per line")
    save = page.get_by_role("button", name="Save and restart ComfyUI")
    folder.fill("/not/mounted")
    save.click()
    expect(page.get_by_text("'/not/mounted' is not a folder on this pod.")).to_be_visible()
    folder.fill(str(tmp_path))
    save.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.reload()
    expect(folder).to_have_value(str(tmp_path))
