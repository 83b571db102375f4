"""A user saves a token and learns whether the hub accepts it."""

import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PASSWORD
from tests.support.browser import agree, follow
from tests.support.hub import Hub
from tests.support.process import Process


def test_a_token_is_saved_tested_and_removed(signed_in: Page, hub: Hub, keep_picture: Any) -> None:
    page = signed_in
    hub.tokens.add("hf_from_the_browser_9876")
    follow(page.get_by_role("link", name="Settings"))
    expect(page).to_have_title(re.compile("Settings"))
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Hugging Face"))
    row.get_by_label("Token for Hugging Face", exact=True).fill("hf_mistyped_by_a_user")
    row.get_by_role("button", name="Save the token for Hugging Face").click()
    expect(row.get_by_role("status")).to_contain_text("does not accept this token")
    keep_picture(page, "settings-token-refused")
    row.get_by_label("New token for Hugging Face").fill("hf_from_the_browser_9876")
    row.get_by_role("button", name="Save the token for Hugging Face").click()
    expect(row.get_by_role("status")).to_contain_text("accepts this token of ada")
    expect(row.get_by_text("9876")).to_be_visible()
    expect(row.get_by_label("New token for Hugging Face")).to_have_value("")
    keep_picture(page, "settings-token-good")
    page.reload()
    row.get_by_role("button", name="Test the token for Hugging Face").click()
    expect(row.get_by_role("status")).to_contain_text("accepts this token of ada")
    row.get_by_role("button", name="Remove the token for Hugging Face").click()
    agree(page)
    expect(row.get_by_text("No token")).to_be_visible()


def test_a_form_sent_before_the_scripts_are_there_keeps_its_secret_out_of_the_address(
    browser: Browser, plane: Process, hub: Hub
) -> None:
    hub.tokens.add("hf_from_the_browser_9876")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{plane.url}/settings")
        page.get_by_label("Password of this pod").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Token for Hugging Face", exact=True).fill("hf_from_the_browser_9876")
        page.get_by_role("button", name="Save the token for Hugging Face").click()
        row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Hugging Face"))
        expect(row.get_by_text("9876")).to_be_visible()
        expect(page).to_have_url(f"{plane.url}/settings")
        assert "hf_from_the_browser" not in "".join(plane.output)


def test_a_browser_is_notified_after_its_channel_was_added(signed_in: Page, keep_picture: Any) -> None:
    page = signed_in
    page.context.grant_permissions(["notifications"])
    follow(page.get_by_role("link", name="Settings"))
    section = page.get_by_role("region", name="Notifications")
    section.get_by_role("button", name="Allow in this browser").click()
    expect(section.get_by_text("This browser shows notifications.")).to_be_visible()
    section.get_by_label("Sent through").select_option("browser")
    expect(section.get_by_label("Address")).to_be_hidden()
    section.get_by_label("Name").fill("Laptop")
    with page.expect_websocket(lambda socket: "/ws/notifications" in socket.url):
        page.reload()
    section.get_by_label("Sent through").select_option("browser")
    section.get_by_label("Name").fill("Laptop")
    section.get_by_role("button", name="Add and test").click()
    expect(section.get_by_text("Works", exact=True)).to_be_visible()
    keep_picture(page, "settings-notifications")
    section.get_by_role("button", name="Remove Laptop").click()
    agree(page)
    expect(section.get_by_text("No channels yet.")).to_be_visible()
