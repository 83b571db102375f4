"""A user without a mouse signs in, finds a preset and downloads it."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OFFICIAL, PASSWORD
from tests.support.process import Process

pytestmark = pytest.mark.slow

# What has the focus lies in the window, and it or what surrounds it (a chip, a card) has an outline or a ring.
FOCUS_IS_VISIBLE = """() => {
    const focused = document.activeElement;
    if (!focused.matches(":focus-visible")) return false;
    const { top, bottom } = focused.getBoundingClientRect();
    if (bottom < 0 || top > innerHeight) return false;
    const isMarked = (element) => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
    };
    return isMarked(focused) || isMarked(focused.closest("label") ?? focused);
}"""
MOST_STEPS = 60


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus. Every focus on the way must be visible."""
    expect(target).to_be_visible()
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS_IS_VISIBLE), page.evaluate(
            "document.activeElement.outerHTML.slice(0, 200)"
        )
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} has no focus after {MOST_STEPS} steps")


def follow_by_enter(page: Page) -> None:
    with page.expect_event("load"):
        page.keyboard.press("Enter")


@pytest.mark.usefixtures("console")
def test_a_preset_is_found_and_downloaded_by_keyboard(page: Page, plane: Process) -> None:
    page.goto(plane.url)
    field = page.get_by_label("Password of this pod")
    expect(field).to_be_focused()
    page.keyboard.type(PASSWORD)
    follow_by_enter(page)

    tab_to(page, page.get_by_role("link", name="Presets", exact=True))
    follow_by_enter(page)
    tab_to(page, page.get_by_role("link", name="Skip to content"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Search", exact=True))
    page.keyboard.type("z-image turbo text to image")
    found = page.get_by_role("main").get_by_role("listitem")
    expect(found.first).to_contain_text(re.compile("Z-Image-Turbo", re.IGNORECASE))
    tab_to(page, page.get_by_label("On this pod"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("installed=false"))
    tab_to(page, found.first.get_by_role("link").first)
    follow_by_enter(page)

    expect(page).to_have_url(re.compile(OFFICIAL))
    tab_to(page, page.get_by_role("button", name="Download", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Installed", exact=True)).to_be_visible()
    # The button is gone, and the next Tab goes on from where it was.
    page.keyboard.press("Tab")
    assert page.get_by_role("main").evaluate("main => main.contains(document.activeElement)")
