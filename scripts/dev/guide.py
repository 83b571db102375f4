"""Take the pictures of docs/guide.md: a real control plane with stand-ins for the hub, ComfyUI and the supervisor.

    python -m scripts.dev.guide

Writes docs/images/guide-*.webp: dark theme, twice the pixels of the page.
"""

import colorsys
import io
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.e2e.conftest import (
    OFFICIAL,
    OFFICIAL_FILES,
    OFFICIAL_REPOSITORY,
    environment_with,
    variables_of,
    write_log,
)
from tests.support.comfyui.graphs import Graph, through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors
from tests.support.hub.gates import Gate
from tests.support.process import ROOT, Process, running_process
from tests.support.supervisor import running_supervisor

PASSWORD = "guide password"  # noqa: S105 - of a pod that lives for a minute
FOLDER = ROOT / "docs/images"
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=780)
QUALITY = 78
MEGABYTE = 10**6
SIZES = (48 * MEGABYTE, 30 * MEGABYTE, 6 * MEGABYTE)
# Each output is in ComfyUI's folder and in that of the jobs.
JOBS = 9
PROMPTS = ["a red fox in the snow", "a lighthouse at dusk", "a valley in the fog"]
COMFYUI_LOG = """\
Total VRAM 24564 MB, total RAM 64216 MB
pytorch version: 2.9.1+cu130
Set vram state to: NORMAL_VRAM
Starting server
To see the GUI go to: http://127.0.0.1:3000
got prompt
100%|██████████| 20/20 [00:04<00:00,  4.62it/s]
Prompt executed in 5.31 seconds
"""


class Guide:
    """One signed-in browser that opens pages and takes their pictures."""

    def __init__(self, browser: Browser, url: str):
        self.url = url
        context = browser.new_context(
            viewport=DESKTOP, device_scale_factor=2, color_scheme="dark", reduced_motion="reduce"
        )
        self.page = context.new_page()

    def sign_in(self) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("Password of this pod").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def post(self, path: str, body: Any) -> Any:
        answer = self.page.request.post(self.url + path, data=body)
        if not answer.ok:
            raise RuntimeError(answer.text())
        return answer.json()

    def take(self, name: str, path: str, prepare: Callable[[Page], None] = lambda _: None) -> None:
        """Open a page, wait until it has settled, and save its picture."""
        self.page.goto(self.url + path)
        prepare(self.page)
        self.page.wait_for_timeout(1800)
        picture = Image.open(io.BytesIO(self.page.screenshot(caret="initial")))
        file = FOLDER / f"guide-{name}.webp"
        picture.convert("RGB").save(file, quality=QUALITY, method=6)
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB")


def main() -> None:
    with ExitStack() as stack:
        workspace = Path(stack.enter_context(TemporaryDirectory())) / "workspace"
        hub = stack.enter_context(_hub())
        comfyui = stack.enter_context(running(ComfyUI(workspace / "ComfyUI").with_test_nodes()))
        states = {"dashboard": "RUNNING", "nginx": "RUNNING", "comfyui": "RUNNING", "jupyter": "RUNNING"}
        write_log(workspace, "comfyui", COMFYUI_LOG)
        supervisor = stack.enter_context(running_supervisor(workspace / "run/supervisor.sock", **states))
        plane = stack.enter_context(running_process(_environment(workspace, hub, comfyui), forked=False))
        supervisor.pids = {"dashboard": plane.pid, "comfyui": comfyui.pid}
        browser = stack.enter_context(_browser())
        _take_all(Guide(browser, plane.url), hub, workspace)
        _stop(plane)


@contextmanager
def _hub() -> Iterator[Hub]:
    with running_hub() as hub:
        for number, ((folder, name), size) in enumerate(zip(OFFICIAL_FILES, SIZES, strict=True)):
            hub.add(OFFICIAL_REPOSITORY, f"split_files/{folder}/{name}", safetensors(size, seed=number))
        yield hub


@contextmanager
def _browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _environment(workspace: Path, hub: Hub, comfyui: ComfyUI) -> dict[str, str]:
    return {
        **environment_with(workspace, comfyui.url),
        **variables_of(hub),
        "ACCESS_PASSWORD": PASSWORD,
        "PRICE_PER_HOUR": "0.44",
    }


def _take_all(guide: Guide, hub: Hub, workspace: Path) -> None:
    guide.take("sign-in", "/")
    guide.sign_in()
    batch = _make_pictures(guide, workspace)
    gates = [_hold(hub, number, share) for number, share in enumerate((0.25, 0.6, 0.9))]
    guide.take("presets", "/presets")
    guide.take("preset", f"/presets/{OFFICIAL}")
    guide.page.get_by_role("button", name="Download", exact=False).first.click()
    guide.page.wait_for_timeout(4000)
    guide.take("preset-downloading", f"/presets/{OFFICIAL}")
    guide.take("downloads", "/downloads")
    _queue_jobs(guide)
    guide.take("jobs", "/jobs")
    guide.take("batch", f"/batches/{batch}")
    guide.take("outputs", "/outputs")
    guide.take("overview", "/")
    guide.take("services", "/services")
    guide.take("notifications", "/settings", _show_notifications)
    guide.page.set_viewport_size(PHONE)
    guide.take("phone", "/jobs")
    for gate in gates:
        gate.release()


def _hold(hub: Hub, number: int, share: float) -> Gate:
    """Let a file arrive up to a share of its size."""
    folder, name = OFFICIAL_FILES[number]
    file = hub.repository(OFFICIAL_REPOSITORY).files("main")[f"split_files/{folder}/{name}"]
    return hub.hold(file, after=round(share * SIZES[number]))


def _show_notifications(page: Page) -> None:
    page.request.post(
        page.url.rpartition("/")[0] + "/api/notifications/channels",
        data={"name": "Laptop", "kind": "browser"},
    )
    page.reload()
    page.get_by_role("heading", name="Notifications").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#notifications').scrollIntoView(); scrollBy(0, -72)")


def _workflow(**inputs: Any) -> Graph:
    """Return text, sampler with steps and previews, picture."""
    graph = through("TestSlow", **inputs)
    graph["1"]["inputs"] |= {"width": 768, "height": 512}
    graph["5"]["_meta"] = {"title": "Sampler"}
    text = {"image": ["1", 0], "text": ""}
    graph["6"] = {"class_type": "TestText", "inputs": text, "_meta": {"title": "Prompt"}}
    graph["5"]["inputs"]["image"] = ["6", 0]
    return graph


def _make_pictures(guide: Guide, workspace: Path) -> str:
    """Run a batch, paint what it has saved, and return its id."""
    grid = {"6.text": PROMPTS, "5.steps": [4, 8, 12]}
    batch: str = guide.post("/api/jobs", {"document": _workflow(), "grid": grid})["batch_id"]
    deadline = time.monotonic() + 60
    while len(found := sorted((workspace / "ComfyUI/output").rglob("*.png"))) < 2 * JOBS:
        if time.monotonic() > deadline:
            raise TimeoutError("the batch did not end")
        time.sleep(0.2)
    guide.page.wait_for_timeout(1000)
    for number, file in enumerate(found):
        _landscape(number % JOBS).save(file)
    return batch


def _queue_jobs(guide: Guide) -> None:
    """Queue one job that runs for minutes, and some behind it."""
    film = {"name": "film", "values": {"6.text": "a train crossing a bridge"}}
    guide.post(
        "/api/jobs", {"prompt": _workflow(steps=2000, seconds=0.05), "template": "video", "jobs": [film]}
    )
    names = ("portrait of a sailor", "product shot, white", "poster, 1950s", "map of an island")
    jobs = [{"name": name} for name in names]
    guide.post("/api/jobs", {"prompt": _workflow(steps=8), "template": "portrait", "jobs": jobs})
    guide.page.wait_for_timeout(2500)


def _landscape(seed: int) -> Image.Image:
    """Paint a sky, a sun and hills."""
    chance = random.Random(seed)  # noqa: S311 - a picture
    width, height, hue = 768, 512, (seed * 0.13 + 0.02) % 1
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for line in range(height):
        draw.line(
            (0, line, width, line), fill=_color(hue + 0.12 * line / height, 0.55, 0.35 + 0.55 * line / height)
        )
    x, y, radius = chance.randint(150, 620), chance.randint(90, 240), chance.randint(30, 70)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_color(hue + 0.1, 0.15, 1))
    picture = picture.filter(ImageFilter.GaussianBlur(3))
    for layer in range(5):
        _hills(picture, chance, 250 + layer * 52, _color(hue + 0.5, 0.35, 0.6 - layer * 0.11))
    return picture


def _hills(picture: Image.Image, chance: random.Random, top: int, color: tuple[int, int, int]) -> None:
    points, x = [(0, picture.height)], 0
    while x <= picture.width:
        points.append((x, top + chance.randint(-38, 38)))
        x += chance.randint(50, 120)
    points += [(picture.width, top), (picture.width, picture.height)]
    ImageDraw.Draw(picture).polygon(points, fill=color)


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, max(0.0, min(1.0, value)))
    return round(red * 255), round(green * 255), round(blue * 255)


def _stop(plane: Process) -> None:
    """End it without waiting for the job and the downloads."""
    plane.kill()


if __name__ == "__main__":
    main()
