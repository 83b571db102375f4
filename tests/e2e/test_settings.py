"""Somebody sets a token and learns whether it is any good."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.browser import follow
from tests.support.hub import Hub


def test_a_token_is_saved_tested_and_removed(signed_in: Page, hub: Hub, keep_picture: Any) -> None:
    page = signed_in
    hub.tokens.add("hf_from_the_browser_9876")
    follow(page.get_by_role("link", name="Settings"))
    expect(page).to_have_title(re.compile("Settings"))
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Hugging Face"))
    row.get_by_label("Token for Hugging Face", exact=True).fill("hf_mistyped_by_somebody")
    row.get_by_role("button", name="Save the token for Hugging Face").click()
    expect(row.get_by_role("status")).to_contain_text("does not accept this token")
    keep_picture(page, "settings-token-refused")
    row.get_by_label("Another token for Hugging Face").fill("hf_from_the_browser_9876")
    row.get_by_role("button", name="Save the token for Hugging Face").click()
    expect(row.get_by_role("status")).to_contain_text("knows this token as ada")
    expect(row.get_by_text("9876")).to_be_visible()
    expect(row.get_by_label("Another token for Hugging Face")).to_have_value("")
    keep_picture(page, "settings-token-good")
    page.reload()
    row.get_by_role("button", name="Test the token for Hugging Face").click()
    expect(row.get_by_role("status")).to_contain_text("knows this token as ada")
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Remove the token for Hugging Face").click()
    expect(row.get_by_text("No token")).to_be_visible()
