"""The frame of every page: themes, questions, menus, and how much a first load costs."""

import gzip
import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import look_at, violations
from tests.support.process import Process

MAX_REQUESTS = 20
MAX_BYTES = 200_000
PAGES = ("/", "/presets", "/presets/flux1-schnell", "/downloads", "/storage", "/services", "/settings")


def test_a_theme_is_dark_until_chosen_and_other_tabs_follow_at_once(signed_in: Page) -> None:
    page = signed_in
    html = page.locator("html")
    page.emulate_media(color_scheme="light")
    page.reload()
    expect(html).to_have_attribute("data-theme", "dark")
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_role("combobox", name="Theme").select_option("contrast")
    expect(html).to_have_attribute("data-theme", "contrast")
    expect(other.locator("html")).to_have_attribute("data-theme", "contrast")
    expect(other.get_by_role("combobox", name="Theme")).to_have_value("contrast")
    page.get_by_role("combobox", name="Theme").select_option("system")
    expect(html).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-theme", "dark")


def test_the_style_guide_shows_every_component(
    signed_in: Page, plane: Process, axe: str, keep_picture: Any
) -> None:
    page = signed_in
    page.goto(f"{plane.url}/styleguide")
    look_at(page, "styleguide", keep_picture, axe)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_role("button", name="More about flux1-schnell, dark").click()
    expect(page.get_by_role("button", name="Move to top")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Move to top")).to_be_hidden()
    page.get_by_role("button", name="Open a dialog, light").click()
    page.get_by_role("dialog").get_by_role("button", name="Do not").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_phone_reaches_every_page(signed_in: Page) -> None:
    page = signed_in
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.get_by_role("link", name="Outputs", exact=True)).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Settings", exact=True).click()
    expect(page).to_have_title(re.compile("Settings"))


def test_a_first_load_is_small(signed_in: Page, plane: Process, browser: Browser) -> None:
    """As through nginx, which compresses. Each page is loaded with an empty cache."""
    session = signed_in.context.storage_state()
    for path in PAGES:
        with browser.new_context(storage_state=session) as context:
            sizes = loaded_by(context.new_page(), plane.url + path)
        assert len(sizes) <= MAX_REQUESTS, sizes
        assert sum(sizes.values()) <= MAX_BYTES, sizes


def loaded_by(page: Page, url: str) -> dict[str, int]:
    """Return the compressed size of each file that the page loads."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(url)
    page.wait_for_load_state("load")
    return {address: len(gzip.compress(page.request.get(address).body())) for address in addresses}


def test_everything_is_found_and_reached_by_keyboard(signed_in: Page, plane: Process, axe: str) -> None:
    page = signed_in
    page.keyboard.press("Control+k")
    search = page.get_by_role("combobox", name="Search everything")
    expect(search).to_be_focused()
    search.fill("wan 2.1 text")
    expect(page.get_by_role("listbox", name="Results").get_by_role("option").first).to_contain_text(
        "Wan 2.1 text to video 1.3B"
    )
    assert violations(page, axe) == []
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{plane.url}/presets/wan21-t2v-1.3b")
    page.goto(f"{plane.url}/presets")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_be_focused()
