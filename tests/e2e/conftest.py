"""A real browser, a real control plane, our own hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.support.browser import browser_context_args, browser_type_launch_args, follow
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors
from tests.support.process import ROOT, Process, running_process
from tests.support.supervisor import FakeSupervisor, running_supervisor

__all__ = ["browser_context_args", "browser_type_launch_args"]

PASSWORD = "browser test password"
OFFICIAL = "image_z_image_turbo"
# The files of that template: folder, name, path in its repository.
OFFICIAL_FILES = [
    ("diffusion_models", "z_image_turbo_bf16.safetensors"),
    ("text_encoders", "qwen_3_4b.safetensors"),
    ("vae", "ae.safetensors"),
]
OFFICIAL_REPOSITORY = "Comfy-Org/z_image_turbo"
SIZE = 6_000_000
COMFYUI_LOG = """\
workspace: ready in 0.23 s (empty)
accelerator: No NVIDIA GPU was found: ComfyUI runs on the CPU.
Total VRAM 15990 MB, total RAM 15990 MB
WARNING: ComfyUI-Sharp does not say which packages it needs
Traceback (most recent call last):
  File "/workspace/ComfyUI/custom_nodes/ComfyUI-Sharp/__init__.py", line 3, in <module>
    import sharpness_of_everything_that_has_edges_and_some_things_that_have_none_at_all
ModuleNotFoundError: No module named 'sharpness_of_everything_that_has_edges_and_some_things_that_have_none_at_all'
"""
AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
# Playwright gives up after five seconds, in which a busy machine may not even have started a process.
expect.set_options(timeout=20_000)

# What browsers and htmx say about a control plane that is away.
EXPECTED_CONSOLE = (
    "Failed to load resource",
    "WebSocket connection to",
    "net::ERR_CONNECTION_REFUSED",
    "htmx: htmx:error: Failed to fetch",
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        for number, (folder, name) in enumerate(OFFICIAL_FILES):
            running.add(OFFICIAL_REPOSITORY, f"split_files/{folder}/{name}", safetensors(SIZE, seed=number))
        yield running


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def plane(hub: Hub, workspace: Path) -> Iterator[Process]:
    environment = {
        **environment_with(workspace, "http://127.0.0.1:9"),
        **variables_of(hub),
        "DOWNLOAD_RETRY_SECONDS": "0.05",
        "DEVELOPMENT": "1",
    }
    with running_process(environment) as process:
        yield process


def environment_with(workspace: Path, comfyui_url: str) -> dict[str, str]:
    """Return the variables of a control plane with its ComfyUI."""
    return {
        "WORKSPACE": str(workspace),
        "RUN_DIR": str(workspace / "run"),
        "SUPERVISOR_SOCKET": str(workspace / "run/supervisor.sock"),
        "LOG_DIR": str(workspace / "logs"),
        "ACCESS_PASSWORD": PASSWORD,
        "COMFYUI_URL": comfyui_url,
    }


def variables_of(hub: Hub) -> dict[str, str]:
    """Return the variables of a control plane that downloads from this hub."""
    return {
        "HF_ENDPOINT": hub.url,
        "CIVITAI_ENDPOINT": hub.civitai_url,
        "DOWNLOAD_ALLOWED_HOSTS": ",".join(hub.cdn_hosts),
    }


@pytest.fixture
def supervisor(workspace: Path) -> Iterator[FakeSupervisor]:
    """Yield a pod's services: ComfyUI has crashed, and its log says why."""
    states = {"dashboard": "RUNNING", "nginx": "RUNNING", "comfyui": "BACKOFF", "code_server": "STOPPED"}
    write_log(workspace, "comfyui", COMFYUI_LOG)
    with running_supervisor(workspace / "run/supervisor.sock", **states) as fake:
        fake.descriptions["comfyui"] = "Exited too quickly (process log may have details)"
        yield fake


def write_log(workspace: Path, service: str, text: str) -> None:
    log = workspace / "logs" / f"{service}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        stream.write(text)


@pytest.fixture
def console(page: Page) -> Iterator[list[str]]:
    """Collect what the browser complains about, and check at the end that there is nothing."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED_CONSOLE):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield complaints
    assert complaints == []


@pytest.fixture
def signed_in(page: Page, plane: Process, console: list[str]) -> Page:
    page.goto(plane.url)
    page.get_by_label("Password of this pod").fill(PASSWORD)
    follow(page.get_by_role("button", name="Sign in"))
    page.get_by_role("heading", name="Overview").wait_for()
    return page


@pytest.fixture
def keep_picture() -> Any:
    """Saves a screenshot where CI collects them."""

    def keep(page: Page, name: str) -> None:
        folder = ROOT / "build" / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        # Hiding the caret would need an inline style, which our policy forbids.
        page.screenshot(path=folder / f"{name}.png", full_page=True, caret="initial")

    return keep


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run scripts/dev/frontend.sh")
    return Path(AXE).read_text()


THEMES = ["dark", "light", "contrast"]
WIDTHS = {"desktop": 1280, "phone": 360}


def look_at(page: Page, name: str, keep_picture: Any, axe: str | None = None) -> None:
    """In every theme and width a picture is kept, nothing sticks out sideways and `axe`, if given, has no complaint."""
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        for device, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 860})
            keep_picture(page, f"{name}-{theme}-{device}")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            if axe:
                assert violations(page, axe) == []


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe calls serious or critical. It is evaluated in the page's own world, past the CSP."""
    page.evaluate(axe)
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
