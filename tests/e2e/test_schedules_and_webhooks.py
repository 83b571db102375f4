"""A user plans runs and connects another program in the browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import environment_with, look_at
from tests.support.browser import agree
from tests.support.comfyui.graphs import picture
from tests.support.comfyui.process import ComfyUI, running
from tests.support.process import Process, running_process

pytestmark = pytest.mark.slow


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI")) as comfyui:
        yield comfyui


@pytest.fixture
def plane(workspace: Path, comfyui: ComfyUI) -> Iterator[Process]:
    with running_process(environment_with(workspace, comfyui.url)) as process:
        yield process


def test_a_schedule_is_created_run_edited_and_deleted(
    signed_in: Page, workspace: Path, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    (workspace / "workflows").mkdir(exist_ok=True)
    (workspace / "workflows/portrait.json").write_text(json.dumps(picture()))
    page.goto(urljoin(page.url, "/jobs"))
    page.get_by_role("navigation", name="Jobs").get_by_role("link", name="Schedules").click()
    page.get_by_role("link", name="New schedule").first.click()
    page.get_by_label("Search templates").fill("folder:portrait")
    page.get_by_role("link", name="portrait").click()
    expect(page.get_by_text("At 03:00 every day")).to_be_visible()
    page.get_by_role("button", name="Weekdays").click()
    expect(page.get_by_text("At 09:00 on Monday through Friday")).to_be_visible()
    expect(page.get_by_role("list", name="Next runs").get_by_role("listitem")).to_have_count(5)
    page.get_by_label("Cron expression").fill("soon")
    expect(page.get_by_text("Cron: write five fields")).to_be_visible()
    page.get_by_label("Cron expression").fill("30 7 * * *")
    expect(page.get_by_text("At 07:30 every day")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Morning")
    look_at(page, "schedule-form", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_role("button", name="Create the schedule").click()
    row = page.get_by_role("listitem").filter(has_text="Morning")
    expect(row.get_by_text("Not run yet")).to_be_visible()
    page.get_by_role("button", name="Run Morning now").click()
    expect(row.get_by_role("link", name=re.compile("Last run"))).to_be_visible()
    look_at(page, "schedules-some", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_role("button", name="More for Morning").click()
    page.get_by_role("button", name="Pause Morning").click()
    expect(row.get_by_text("No next run")).to_be_visible()
    row.get_by_role("link", name="Morning").first.click()
    expect(page.get_by_label("Cron expression")).to_have_value("30 7 * * *")
    page.get_by_label("Name", exact=True).fill("Evening")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="More for Evening").click()
    page.get_by_role("button", name="Delete Evening").click()
    agree(page, "Delete the schedule")
    expect(page.get_by_text("No schedules yet")).to_be_visible()


def test_a_webhook_is_added_tested_and_its_message_read(signed_in: Page, axe: str, keep_picture: Any) -> None:
    page = signed_in
    page.goto(urljoin(page.url, "/jobs/settings"))
    page.get_by_label("Private hosts that webhooks may reach").fill("127.0.0.1:9")
    page.get_by_label("No job starts at night").check()
    page.get_by_label("From", exact=True).fill("23:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The settings apply from now on.")).to_be_visible()
    page.get_by_role("navigation", name="Jobs").get_by_role("link", name="Webhooks").click()
    page.get_by_role("button", name="New webhook").first.click()
    dialog = page.get_by_role("dialog", name="New webhook")
    dialog.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    dialog.get_by_label("A job has ended").uncheck()
    dialog.get_by_role("button", name="Add").click()
    row = page.get_by_role("listitem").filter(has_text="http://127.0.0.1:9/hook").first
    expect(row.get_by_text("A batch has ended · The queue is empty")).to_be_visible()
    page.get_by_role("button", name="Test http://127.0.0.1:9/hook").click()
    expect(page.get_by_text("The test message was not accepted.")).to_be_visible()
    deliveries = page.get_by_role("region", name="Recent deliveries")
    deliveries.get_by_text("http://127.0.0.1:9/hook").click()
    expect(deliveries.get_by_text("webhook.test")).to_be_visible()
    look_at(page, "webhooks-some", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_role("button", name="Show the secret").click()
    expect(page.get_by_label("Signing secret", exact=True).locator("input")).to_have_value(
        re.compile("whsec_")
    )
