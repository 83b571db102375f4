"""The browser for tests: Debian's Chromium, through Playwright."""

import os
import shutil
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

# Without these, Chromium contacts hosts on the internet at start; tests stay on loopback.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no Chromium: install it, or name it in the variable CHROMIUM")
    return {"executable_path": chromium, "args": ["--no-sandbox", "--disable-gpu", "--no-first-run", *QUIET]}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark", "reduced_motion": "reduce"}


def follow(link: Locator) -> None:
    """Click a link and wait until the scripts of the page have loaded: clicks before that bypass htmx."""
    with link.page.expect_event("load"):
        link.click()


def agree(page: Page, label: str | None = None) -> str:
    """Press the button that confirms in the dialog of a question. Return the question."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    question = dialog.locator("#confirmation-text").inner_text()
    buttons = dialog.get_by_role("button")
    (dialog.get_by_role("button", name=label) if label else buttons.last).click()
    expect(dialog).to_be_hidden()
    return question


def choose(page: Page, menu: str, action: str) -> None:
    """Open a menu by the label of its button and press one of its entries."""
    page.get_by_role("button", name=menu, exact=True).click()
    page.get_by_role("button", name=action, exact=True).click()
