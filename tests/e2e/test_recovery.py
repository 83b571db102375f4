"""Parts of the pod are killed and restarted, and the network is away, while a page shows a download or a job.

The page says that the connection is lost, and goes on by itself: nothing is clicked and nothing is reloaded.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import (
    OFFICIAL,
    OFFICIAL_FILES,
    OFFICIAL_REPOSITORY,
    PASSWORD,
    SIZE,
    environment_with,
    variables_of,
)
from tests.support.browser import follow
from tests.support.comfyui.graphs import Graph, node, picture
from tests.support.comfyui.process import ComfyUI, running
from tests.support.hub import Hub
from tests.support.nginx import NGINX, Nginx, running_nginx
from tests.support.process import Process, running_process

pytestmark = pytest.mark.slow

STEP = SIZE // 4


@dataclass(frozen=True)
class Pod:
    """A page that is signed in, and what can be taken away from it."""

    page: Page
    plane: Process
    nginx: Nginx
    comfyui: ComfyUI

    @contextmanager
    def without_control_plane(self) -> Iterator[None]:
        self.plane.kill()
        yield
        self.plane.start()

    @contextmanager
    def without_nginx(self) -> Iterator[None]:
        self.nginx.stop()
        yield
        self.nginx.start()

    @contextmanager
    def without_network(self) -> Iterator[None]:
        self.page.context.set_offline(True)
        yield
        self.page.context.set_offline(False)

    def outages(self) -> Iterator[None]:
        """Take away one thing after the other. Yield when the page has noticed that it is back."""
        banner = self.page.get_by_text("The connection to the pod is lost.")
        for part_is_away in (self.without_control_plane, self.without_nginx, self.without_network):
            with part_is_away():
                expect(banner).to_be_visible()
            expect(banner).to_be_hidden()
            yield


@pytest.fixture
def pod(page: Page, hub: Hub, workspace: Path, console: list[str]) -> Iterator[Pod]:
    if not NGINX:
        pytest.skip("nginx is not installed")
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        environment = {
            **environment_with(workspace, comfyui.url),
            **variables_of(hub),
            "DOWNLOAD_RETRY_SECONDS": "0.05",
        }
        with (
            running_process(environment) as plane,
            running_nginx(workspace / "nginx", plane.port, comfyui.port) as nginx,
        ):
            page.goto(nginx.dashboard)
            page.get_by_label("Password of this pod").fill(PASSWORD)
            follow(page.get_by_role("button", name="Sign in"))
            yield Pod(page, plane, nginx, comfyui)


def test_a_download_goes_on_whatever_is_taken_away(pod: Pod, hub: Hub) -> None:
    page = pod.page
    folder, name = OFFICIAL_FILES[0]
    file = hub.repository(OFFICIAL_REPOSITORY).files("main")[f"split_files/{folder}/{name}"]
    gate = hub.hold(file, after=STEP)
    page.goto(f"{pod.nginx.dashboard}/presets/{OFFICIAL}")
    page.get_by_role("button", name="Download").click()
    row = page.get_by_role("listitem").filter(has_text=name)
    expect(row.get_by_text("25 %")).to_be_visible()
    page.evaluate("window.isSamePage = true")
    bar = row.get_by_role("progressbar")
    for _ in pod.outages():
        shown = bar.get_attribute("value") or ""
        gate.advance(STEP // 2)
        expect(bar).not_to_have_attribute("value", shown)
    gate.release()
    expect(page.get_by_text("Installed", exact=True)).to_be_visible()
    assert page.evaluate("window.isSamePage")


def waits(gates: list[Path]) -> Graph:
    """Return a graph in which one node after the other waits for a file."""
    graph = picture()
    before = "1"
    for number, gate in enumerate(gates, start=20):
        graph[str(number)] = node("TestWaitForFile", image=[before, 0], path=str(gate))
        before = str(number)
    graph["9"]["inputs"]["images"] = [before, 0]
    return graph


def test_a_job_ends_whatever_is_taken_away(pod: Pod, workspace: Path) -> None:
    page = pod.page
    gates = [workspace / f"gate-{number}" for number in range(5)]
    body = {"prompt": waits(gates), "jobs": [{"name": "film"}]}
    answer = page.request.post(f"{pod.nginx.dashboard}/api/jobs", data=body)
    assert answer.ok, answer.text()
    page.goto(f"{pod.nginx.dashboard}/jobs/{answer.json()['jobs'][0]['id']}")
    done = page.get_by_text(re.compile(r"\d of 7 nodes"))
    expect(done).to_have_text("1 of 7 nodes")
    page.evaluate("window.isSamePage = true")
    for number, _ in enumerate(pod.outages()):
        gates[number].touch()
        expect(done).to_have_text(f"{number + 2} of 7 nodes")
    pod.comfyui.kill()
    pod.comfyui.start()
    expect(done).to_have_text("4 of 7 nodes")
    gates[3].touch()
    expect(done).to_have_text("5 of 7 nodes")
    gates[4].touch()
    expect(page.get_by_role("status").get_by_text("Succeeded")).to_be_visible()
    expect(page.get_by_role("img", name="Output 1 of film")).to_be_visible()
    assert page.evaluate("window.isSamePage")
