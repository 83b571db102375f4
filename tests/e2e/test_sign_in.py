"""Signing in and out with a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PASSWORD
from tests.support.process import Process


def test_a_wrong_password_is_explained_and_the_right_one_leads_to_the_wanted_page(
    page: Page, plane: Process, console: list[str]
) -> None:
    page.goto(f"{plane.url}/presets?q=flux")
    page.get_by_label("Password of this pod").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the password")
    page.get_by_label("Password of this pod").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/presets\?q=flux$"))
    expect(page.get_by_label("Search")).to_have_value("flux")


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_signing_in_never_leads_away_from_the_pod(page: Page, plane: Process, evil: str) -> None:
    page.goto(f"{plane.url}/_pod/sign-in")
    page.goto(f"{plane.url}/_pod/sign-in?next={evil}")
    page.get_by_label("Password of this pod").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{plane.url}/")


def test_a_user_who_is_signed_in_skips_the_form(signed_in: Page, plane: Process) -> None:
    signed_in.goto(f"{plane.url}/_pod/sign-in?next=/downloads")
    expect(signed_in).to_have_url(f"{plane.url}/downloads")


def test_signing_out_ends_the_session(signed_in: Page, plane: Process) -> None:
    signed_in.get_by_role("button", name="Sign out").click()
    expect(signed_in.get_by_role("heading", name="Sign in")).to_be_visible()
    signed_in.goto(f"{plane.url}/downloads")
    expect(signed_in.get_by_role("heading", name="Sign in")).to_be_visible()
