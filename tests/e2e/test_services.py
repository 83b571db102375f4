"""A user whose ComfyUI does not start reads its log and restarts it."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import write_log
from tests.support.browser import agree, follow
from tests.support.process import Process
from tests.support.supervisor import FakeSupervisor


@pytest.fixture
def services(signed_in: Page, supervisor: FakeSupervisor) -> Page:
    follow(signed_in.get_by_role("link", name="Services", exact=True))
    return signed_in


def test_a_crashed_service_is_shown_and_started_again(services: Page, supervisor: FakeSupervisor) -> None:
    page = services
    row = page.get_by_role("listitem").filter(has_text="ComfyUI")
    expect(row.get_by_text("Crashed, restarting")).to_be_visible()
    row.get_by_role("button", name="Restart ComfyUI").click()
    agree(page)
    expect(row.get_by_text("Starting", exact=True)).to_be_visible()
    expect(page.get_by_role("status").get_by_text("ComfyUI is restarting.")).to_be_visible()
    supervisor.programs["comfyui"] = "RUNNING"
    expect(row.get_by_text("Running", exact=True)).to_be_visible()


def test_a_service_is_stopped_only_after_a_question(services: Page, supervisor: FakeSupervisor) -> None:
    page = services
    stop = page.get_by_role("button", name="Stop ComfyUI")
    stop.click()
    page.get_by_role("dialog").get_by_role("button", name="Do not").click()
    assert supervisor.calls == []
    stop.click()
    agree(page, "Stop")
    expect(page.get_by_role("button", name="Start ComfyUI")).to_be_visible()
    expect(stop).to_be_hidden()


def test_a_keyboard_user_keeps_the_focus_while_the_page_updates(
    services: Page, supervisor: FakeSupervisor
) -> None:
    page = services
    log = page.get_by_role("link", name="Log of ComfyUI")
    log.focus()
    supervisor.programs["comfyui"] = "RUNNING"
    row = page.get_by_role("listitem").filter(has_text="ComfyUI")
    expect(row.get_by_text("Running", exact=True)).to_be_visible()
    expect(log).to_be_focused()


def test_what_the_page_needs_has_no_stop_button(services: Page) -> None:
    expect(services.get_by_role("button", name="Restart Control plane")).to_be_visible()
    expect(services.get_by_role("button", name="Stop Control plane")).to_have_count(0)
    expect(services.get_by_role("button", name="nginx")).to_have_count(0)


def test_a_log_grows_while_it_is_read_and_can_be_searched(services: Page, workspace: Path) -> None:
    page = services
    follow(page.get_by_role("link", name="Log of ComfyUI"))
    log = page.get_by_role("log")
    expect(log.get_by_text("Traceback (most recent call last):")).to_be_visible()
    write_log(workspace, "comfyui", "".join(f"tick {number}\n" for number in range(200)))
    expect(log.get_by_text("tick 199")).to_be_in_viewport()
    page.get_by_label("Filter lines").fill("modulenotfound")
    expect(log.get_by_text("ModuleNotFoundError")).to_be_visible()
    expect(log.get_by_text("tick 199")).to_be_hidden()
    page.get_by_label("Filter lines").fill("")
    log.evaluate("box => { box.scrollTop = 0; }")
    expect(page.get_by_label("Follow new lines")).not_to_be_checked()
    write_log(workspace, "comfyui", "the newest line\n")
    expect(log.get_by_text("the newest line")).not_to_be_in_viewport()
    page.get_by_label("Follow new lines").check()
    expect(log.get_by_text("the newest line")).to_be_in_viewport()


def test_a_log_goes_on_after_the_control_plane_was_away(
    services: Page, plane: Process, workspace: Path
) -> None:
    page = services
    follow(page.get_by_role("link", name="Log of ComfyUI"))
    expect(page.get_by_text("Traceback (most recent call last):")).to_be_visible()
    plane.stop()
    write_log(workspace, "comfyui", "meanwhile\n")
    plane.start()
    expect(page.get_by_role("log").get_by_text("meanwhile")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Traceback (most recent call last):")).to_have_count(1)


def test_a_log_that_is_empty_says_so(services: Page) -> None:
    follow(services.get_by_role("link", name="Log of nginx"))
    expect(services.get_by_text("nginx has not written anything yet.")).to_be_visible()


def test_safe_mode_is_entered_and_left_on_the_page(services: Page, supervisor: FakeSupervisor) -> None:
    page = services
    page.get_by_role("button", name="Start in safe mode").click()
    agree(page)
    expect(page.get_by_role("listitem").get_by_text("Safe mode")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("ComfyUI now starts without custom nodes")).to_be_visible()
    assert supervisor.calls == [("stop", "comfyui"), ("start", "comfyui")]
    page.get_by_role("button", name="Leave safe mode").click()
    agree(page)
    expect(page.get_by_role("listitem").get_by_text("Safe mode")).to_be_hidden()
