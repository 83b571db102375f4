"""The control plane restarts, or the host stops the pod, while somebody has a page open."""

from playwright.sync_api import Page, Route, expect

from tests.support.browser import follow
from tests.support.process import Process

FOREIGN = "<!doctype html><title>Proxy</title><h1>This pod is not running</h1>"
AWAY = "The control plane does not answer."


def answer_for_the_pod(route: Route) -> None:
    """What nginx, or the proxy of a host, says in place of the control plane."""
    route.fulfill(status=503, content_type="text/html", body=FOREIGN)


def test_what_a_proxy_says_never_becomes_a_part_of_the_page(signed_in: Page) -> None:
    page = signed_in
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
    page.route(lambda address: address.endswith("/"), answer_for_the_pod)
    for _ in range(2):
        page.wait_for_event("response", lambda response: response.status == 503)
    expect(page.get_by_text("Workspace disk")).to_be_visible()
    expect(page.get_by_text("This pod is not running")).to_have_count(0)
    expect(page.get_by_text(AWAY)).to_have_count(0)  # the page asks by itself: nobody is bothered with toasts


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
