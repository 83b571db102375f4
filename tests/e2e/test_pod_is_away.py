"""The control plane restarts, or the host stops the pod, while a page is open."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import WIDTHS, violations
from tests.support.browser import follow
from tests.support.nginx import NGINX, running_nginx
from tests.support.process import Process, free_port

FOREIGN = "<!doctype html><title>Proxy</title><h1>This pod is not running</h1>"
AWAY = "The control plane does not answer."
# What a browser does when another tab covers this one; a driver cannot cover a tab.
SET_HIDDEN = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def answer_for_the_pod(route: Route) -> None:
    """Return what nginx, or the proxy of a host, says in place of the control plane."""
    route.fulfill(status=503, content_type="text/html", body=FOREIGN)


def without_refresh(route: Route) -> None:
    """Keep a page in place that reloads itself every two seconds."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)


def test_what_a_proxy_says_never_becomes_a_part_of_the_page(signed_in: Page) -> None:
    page = signed_in
    page.goto(page.url + "settings")
    typed = page.get_by_label("One folder per line")
    typed.fill("/mnt/typed")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/model-paths", hold)
    save = page.get_by_role("button", name="Save and restart ComfyUI")
    for _ in range(2):
        save.click()
        expect(save).to_have_attribute("aria-busy", "true")
        answer_for_the_pod(held.pop())
        expect(page.get_by_text(AWAY)).to_have_count(1)
        expect(save).not_to_have_attribute("aria-busy", "true")
    expect(typed).to_have_value("/mnt/typed")
    page.get_by_role("button", name="Dismiss").click()
    follow(page.get_by_role("link", name="Overview", exact=True))
    page.route(lambda address: address.endswith("/"), answer_for_the_pod)
    page.wait_for_event("response", lambda response: response.status == 503)
    expect(page.get_by_text("The connection to the pod is lost.")).to_be_visible()
    expect(page.get_by_text("Workspace disk")).to_be_visible()
    expect(page.get_by_text("This pod is not running")).to_have_count(0)
    expect(page.get_by_text(AWAY)).to_have_count(0)  # a failed poll shows no toast


def test_the_overview_notices_a_network_that_drops_everything(signed_in: Page) -> None:
    page = signed_in
    banner = page.get_by_text("The connection to the pod is lost.")
    page.context.set_offline(True)
    expect(banner).to_be_visible()
    page.context.set_offline(False)
    expect(banner).to_be_hidden(timeout=20_000)


def test_a_banner_says_that_the_pod_is_away_until_it_is_back(signed_in: Page, plane: Process) -> None:
    page = signed_in
    follow(page.get_by_role("link", name="Services", exact=True))
    plane.stop()
    banner = page.get_by_text("The connection to the pod is lost.")
    expect(banner).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for _ in range(2):
        page.evaluate("new Promise(go => services.addEventListener('every', go, {once: true}))")
    assert f"{plane.url}/services" not in asked
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
    plane.start()
    expect(banner).to_be_hidden(timeout=20_000)


def test_a_hidden_tab_does_not_poll_and_catches_up_when_it_is_shown(signed_in: Page, plane: Process) -> None:
    page = signed_in
    follow(page.get_by_role("link", name="Services", exact=True))
    page.evaluate(SET_HIDDEN, True)
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url))
    for _ in range(2):
        page.evaluate("new Promise(go => services.addEventListener('every', go, {once: true}))")
    assert f"{plane.url}/services" not in polls
    with page.expect_request("**/services"):
        page.evaluate(SET_HIDDEN, False)


def test_the_page_shown_while_the_control_plane_starts_can_be_read(
    page: Page, tmp_path: Path, axe: str, keep_picture: Any
) -> None:
    if not NGINX:
        pytest.skip("nginx is not installed")
    page.route("**/*", without_refresh)
    with running_nginx(tmp_path / "nginx", free_port(), free_port()) as pod:
        for address in (pod.dashboard, pod.comfyui):
            answer = page.goto(address)
            assert answer
            assert answer.status == 503
            expect(page.get_by_role("heading", name="ComfyPod is starting")).to_be_visible()
            for device, width in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": 860})
                keep_picture(page, f"control-plane-starting-{device}")
                assert violations(page, axe) == []


def test_an_error_page_keeps_the_navigation(signed_in: Page, plane: Process) -> None:
    page = signed_in
    page.goto(f"{plane.url}/no-such-page")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    follow(page.get_by_role("link", name="Presets", exact=True))
    expect(page.get_by_role("heading", name="Presets")).to_be_visible()
