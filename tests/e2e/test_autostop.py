"""A user sees that the idle pod is about to be stopped, and keeps it running."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.autostop.service import Autostop
from backend.core import clock
from tests.support.control_plane import PASSWORD, ControlPlane, control_plane_in_a_thread

pytestmark = pytest.mark.slow  # a page asks for the banner 5 s after it has loaded


@pytest.fixture
def rented(workspace: Path) -> Iterator[ControlPlane]:
    """Yield a pod that a command can stop after 10 minutes. No check runs by itself."""
    settings = {"autostop_command": "false", "autostop_minutes": 10, "autostop_check_seconds": 600}
    with control_plane_in_a_thread(workspace, **settings) as plane:
        yield plane


def test_the_banner_counts_down_and_cancel_keeps_the_pod(page: Page, rented: ControlPlane) -> None:
    page.goto(rented.url)
    page.get_by_label("Password of this pod").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    countdown = rented.app.registry.get(Autostop).countdown
    countdown.idle_since = clock.now() - timedelta(minutes=6)
    page.goto(f"{rented.url}/presets")
    banner = page.locator("#autostop-banner")
    expect(banner).to_contain_text("The pod is idle and will be stopped at", timeout=30_000)
    banner.get_by_role("button", name="Cancel").click()
    expect(banner.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.get_by_text("The idle time begins anew.")).to_be_visible()
    assert not countdown.warns(clock.now())
