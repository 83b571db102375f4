"""A user's way through a pod from start to stop: through nginx, in the container."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.image.support.container import docker
from tests.image.support.pod import PASSWORD, Pod
from tests.support.browser import browser_context_args, browser_type_launch_args
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors

__all__ = ["browser_context_args", "browser_type_launch_args"]

DASHBOARD = "http://127.0.0.1:8001"
COMFYUI = "http://127.0.0.1:3001"
PROTECTED = [3001, 8081, 8889]
PRESET = "image_z_image_turbo"
SIZE = 500_000
FILES = ["diffusion_models/z_image_turbo_bf16", "text_encoders/qwen_3_4b", "vae/ae"]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        for number, path in enumerate(FILES):
            running.add(
                "Comfy-Org/z_image_turbo",
                f"split_files/{path}.safetensors",
                safetensors(SIZE, seed=number),
            )
        yield running


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("volume")


@pytest.fixture(scope="module")
def pod(minimal_cpu: str, hub: Hub, volume: Path) -> Iterator[Pod]:
    """Start a pod with an empty volume, on the host's network, where it reaches the test's hub."""
    variables = {"HF_ENDPOINT": hub.url, "DOWNLOAD_ALLOWED_HOSTS": hub.cdn_url.removeprefix("http://")}
    mount = ("--volume", f"{volume}:/workspace")
    with Pod(minimal_cpu, *mount, variables=variables, network=("--network", "host")) as container:
        container.wait_until_healthy()
        yield container


@pytest.fixture
def visitor(pod: Pod) -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Accept": "text/html"}) as client:
        yield client


@pytest.fixture
def owner(pod: Pod) -> Iterator[httpx.Client]:
    with pod.owner() as client:
        yield client


@pytest.mark.parametrize("port", PROTECTED)
def test_every_port_requires_the_password(visitor: httpx.Client, port: int) -> None:
    page = visitor.get(f"http://127.0.0.1:{port}/some/page?x=1")
    assert (page.status_code, page.headers["location"]) == (303, "/_pod/sign-in?next=/some/page%3Fx%3D1")
    program = visitor.get(f"http://127.0.0.1:{port}/", headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["error"]["code"]) == (401, "sign_in_required")
    assert visitor.get(f"http://127.0.0.1:{port}/_pod/sign-in").status_code == 200


def test_only_nginx_listens_on_public_addresses(pod: Pod) -> None:
    pod.wait_for_comfyui()
    table = pod.run("cat", "/proc/net/tcp")
    listening = [line.split()[1] for line in table.splitlines()[1:] if line.split()[3] == "0A"]
    ports = {int(address.split(":")[1], 16): address.split(":")[0] for address in listening}
    assert ports[8000] == ports[3000] == "0100007F"
    assert ports[8001] == ports[3001] == "00000000"


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_the_ports_answer_over_ipv6_too(pod: Pod, visitor: httpx.Client) -> None:
    assert visitor.get("http://[::1]:8001/healthz").status_code == 200
    assert visitor.get("http://[::1]:3001/_pod/sign-in").status_code == 200


def test_comfyui_opens_after_the_sign_in_on_its_own_port(pod: Pod, visitor: httpx.Client) -> None:
    pod.wait_for_comfyui()
    answer = visitor.post(f"{COMFYUI}/_pod/sign-in", data={"password": PASSWORD, "next": "/"})
    assert answer.status_code == 303
    assert "ComfyUI" in visitor.get(f"{COMFYUI}/").text


def test_a_link_from_another_page_of_the_pod_reaches_comfyui(pod: Pod, owner: httpx.Client) -> None:
    pod.wait_for_comfyui()
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert owner.get(f"{COMFYUI}/system_stats", headers=link).status_code == 200
    assert owner.get(f"{COMFYUI}/system_stats", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_nginx_parses_requests_without_root(pod: Pod) -> None:
    owners = pod.run("ps", "-C", "nginx", "-o", "user=").split()
    assert sorted(owners) == ["root", "www-data"]


def test_a_preset_is_found_watched_and_installed_in_a_browser(
    pod: Pod, page: Page, hub: Hub, volume: Path
) -> None:
    """Sign in, search, download, see the bar move, find the file verified."""
    vae = hub.repository("Comfy-Org/z_image_turbo").files("main")["split_files/vae/ae.safetensors"]
    gate = hub.hold(vae, after=SIZE // 2)
    page.goto(f"{DASHBOARD}/presets?q=z-image-turbo+text+to+image")
    page.get_by_label("Password of this pod").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Z-Image-Turbo: Text to Image").first.click()
    page.get_by_role("button", name="Download").click()
    gate.wait_until_reached()
    row = page.get_by_role("listitem").filter(has_text="ae.safetensors")
    expect(row.get_by_text("50 %")).to_be_visible()
    gate.release()
    for name in ("z_image_turbo_bf16.safetensors", "qwen_3_4b.safetensors", "ae.safetensors"):
        expect(page.get_by_role("listitem").filter(has_text=name).get_by_text("verified")).to_be_visible()
    content = (volume / "ComfyUI/models/vae/ae.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == vae.content.sha256


def test_comfyui_offers_what_was_downloaded(pod: Pod, owner: httpx.Client) -> None:
    pod.wait_for_comfyui()
    for transfer in owner.post(f"{DASHBOARD}/api/presets/{PRESET}/download").json():
        pod.wait_for_line("transfer done", transfer["id"])
    assert owner.get(f"{COMFYUI}/models/vae").json() == ["ae.safetensors"]


def test_the_overview_knows_the_services_and_the_volume(owner: httpx.Client) -> None:
    view = owner.get(f"{DASHBOARD}/api/system").json()
    services = {service["name"]: service["state"] for service in view["services"]}
    assert services["nginx"] == services["dashboard"] == "running"
    assert (view["workspace"]["state"], view["workspace"]["case"]) == ("ready", "empty")
    assert view["workspace"]["problems"] == view["workspace"]["notes"] == []
    assert view["accelerator"]["verdict"] == "cpu_image"


def test_a_service_that_is_down_is_shown_as_such(pod: Pod, owner: httpx.Client) -> None:
    answer = owner.get("http://127.0.0.1:8889/lab", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "JupyterLab is not ready yet" in answer.text


def test_a_pod_stops_cleanly(pod: Pod) -> None:
    """The last test. A service that runs for five more seconds is killed, which the exit code 137 shows."""
    docker("stop", "--time", "5", pod.name)
    assert pod.inspect()["State"]["ExitCode"] == 0
    assert re.search(r"stopped: nginx \(exit status 0\)", pod.logs())
