"""Pages show small pictures of outputs, whatever the files are.

With COMFYUI_PYTHON, an interpreter with Pillow and PyAV, a video is rendered too.
"""

import asyncio
import io
import os
import stat
import sys
from pathlib import Path

import pytest
from PIL import Image

from backend.outputs.folder import OutputFolder
from backend.outputs.thumbnails import process
from backend.outputs.thumbnails.cache import ThumbnailCache
from backend.outputs.thumbnails.process import Renderers
from backend.outputs.thumbnails.service import Thumbnails
from tests.backend.outputs.pictures import bomb, encoded, picture
from tests.support.comfyui.tree.media import mp4
from tests.support.control_plane import ControlPlane

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Renders like the real program, but writes what it does into a file, and does other things for some names.
INTERPRETER = """#!{python}
import json, os, sys, time
def log(line):
    with open({log!r}, "a") as file:
        file.write(line + "\\n")
log("start")
print(json.dumps({{"videos": True}}), flush=True)
for line in sys.stdin:
    path = json.loads(line)["path"]
    log(os.path.basename(path))
    if "dies" in path:
        os.abort()
    time.sleep(60 if "sleeps" in path else 0)
    sys.stdout.write(json.dumps({{"bytes": 5}}) + "\\nsmall")
    sys.stdout.flush()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def thumbnails(tmp_path: Path, log: Path) -> Thumbnails:
    """Return thumbnails by the interpreter above."""
    interpreter = tmp_path / "python"
    interpreter.write_text(INTERPRETER.format(python=sys.executable, log=str(log)))
    interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
    return Thumbnails(Renderers([interpreter]), ThumbnailCache(tmp_path / "cache"))


def folder_with(tmp_path: Path, *names: str) -> OutputFolder:
    folder = tmp_path / "output"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"content")
    return OutputFolder(folder)


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [
        ("a.png", encoded(picture(), "PNG"), "RGB"),
        ("alpha.png", encoded(picture("RGBA"), "PNG"), "RGBA"),
        ("palette.gif", encoded(picture("P"), "GIF"), "RGB"),
        ("deep.png", encoded(picture("I;16", color=40_000), "PNG"), "RGB"),
        ("grey.png", encoded(picture("L", color=7), "PNG"), "RGB"),
        ("a.jpg", encoded(picture(), "JPEG"), "RGB"),
        ("a.webp", encoded(picture(), "WEBP"), "RGB"),
        ("a.avif", encoded(picture(), "AVIF"), "RGB"),
    ],
)
async def test_every_kind_of_picture_becomes_a_small_one(
    pod: ControlPlane, outputs: Path, name: str, content: bytes, mode: str
) -> None:
    (outputs / name).write_bytes(content)
    answer = await pod.client.get(f"/outputs/thumbnail/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    small = Image.open(io.BytesIO(answer.content))
    assert (small.size, small.mode) == ((400, 267), mode)


async def test_a_sideways_photo_stands_upright(pod: ControlPlane, outputs: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (outputs / "sideways.jpg").write_bytes(encoded(picture(), "JPEG", exif=exif))
    answer = await pod.client.get("/outputs/thumbnail/sideways.jpg")
    assert Image.open(io.BytesIO(answer.content)).size == (267, 400)


async def test_browsers_keep_a_thumbnail_until_the_file_changes(pod: ControlPlane, outputs: Path) -> None:
    file = outputs / "kept.png"
    file.write_bytes(encoded(picture(), "PNG"))
    versioned = await pod.client.get("/outputs/thumbnail/kept.png?v=1")
    assert versioned.headers["cache-control"] == "private, max-age=31536000, immutable"
    plain = await pod.client.get("/outputs/thumbnail/kept.png")
    assert plain.headers["cache-control"] == "private, no-cache"
    tag = {"If-None-Match": plain.headers["etag"]}
    assert (await pod.client.get("/outputs/thumbnail/kept.png", headers=tag)).status_code == 304
    file.write_bytes(encoded(picture(color=(1, 2, 3)), "PNG"))
    changed = await pod.client.get("/outputs/thumbnail/kept.png", headers=tag)
    assert changed.status_code == 200
    assert changed.content != plain.content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb", bomb(60_000, 60_000)),
        ("truncated", bomb(900, 900)),
        ("empty", b""),
        ("playlist", b"#EXTM3U\n"),
        ("other-kind", encoded(picture(), "TIFF")),
    ],
)
async def test_a_damaged_or_hostile_picture_is_shown_as_it_is(
    pod: ControlPlane, outputs: Path, name: str, content: bytes
) -> None:
    (outputs / f"{name}.png").write_bytes(content)
    answer = await pod.client.get(f"/outputs/thumbnail/{name}.png?v=1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == content


async def test_what_has_no_picture_has_a_sign(pod: ControlPlane, outputs: Path) -> None:
    (outputs / "sound.flac").write_bytes(b"fLaC")
    answer = await pod.client.get("/outputs/thumbnail/sound.flac")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize(
    "path",
    ["missing.png", "..%2Fsecret.png", ".hidden.png", "folder", "leads-out.png", "a%00.png", "%2Fetc/passwd"],
)
async def test_other_files_than_outputs_have_none(pod: ControlPlane, outputs: Path, path: str) -> None:
    secret = outputs.parent / "secret.png"
    for file in (secret, outputs / ".hidden.png"):
        file.write_bytes(encoded(picture(), "PNG"))
    (outputs / "folder").mkdir(exist_ok=True)
    (outputs / "leads-out.png").unlink(missing_ok=True)
    (outputs / "leads-out.png").symlink_to(secret)
    assert (await pod.client.get(f"/outputs/thumbnail/{path}")).status_code == 404


async def test_two_processes_render_each_file_once(tmp_path: Path, thumbnails: Thumbnails, log: Path) -> None:
    names = [f"{number}.png" for number in range(6)]
    folder = folder_with(tmp_path, *names)
    found = await asyncio.gather(*(thumbnails.get(folder.find(name)) for name in names * 3))
    assert {each.content for each in found} == {b"small"}
    await thumbnails.get(folder.find("0.png"))
    lines = log.read_text().split()
    # The first start only looks what the interpreter can read.
    assert lines.count("start") <= 3
    assert sorted(set(lines) - {"start"}) == names
    assert len(lines) - lines.count("start") == len(names)
    await thumbnails.close()


async def test_a_file_that_kills_the_decoder_is_tried_once(
    tmp_path: Path, thumbnails: Thumbnails, log: Path
) -> None:
    folder = folder_with(tmp_path, "dies.png", "good.png")
    for _ in range(2):
        assert (await thumbnails.get(folder.find("dies.png"))).content == b""
    assert (await thumbnails.get(folder.find("good.png"))).content == b"small"
    assert log.read_text().split().count("dies.png") == 1
    await thumbnails.close()


async def test_a_file_that_takes_too_long_is_tried_again_later(
    tmp_path: Path, thumbnails: Thumbnails, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_with(tmp_path, "sleeps.png")
    monkeypatch.setattr(process, "FILE_SECONDS", 0.05)
    for _ in range(2):
        found = await thumbnails.get(folder.find("sleeps.png"))
        assert (found.content, found.is_final) == (b"", False)
    assert log.read_text().split().count("sleeps.png") == 2
    await thumbnails.close()


async def test_idle_processes_end(
    tmp_path: Path, thumbnails: Thumbnails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.05)
    folder = folder_with(tmp_path, "a.png")
    await thumbnails.get(folder.find("a.png"))
    (renderer,) = thumbnails._renderers._idle
    async with asyncio.timeout(20):
        await renderer._process.wait()
    await thumbnails.close()


async def test_without_pillow_a_later_request_tries_again(tmp_path: Path) -> None:
    thumbnails = Thumbnails(Renderers([tmp_path / "missing"]), ThumbnailCache(tmp_path / "cache"))
    found = await thumbnails.get(folder_with(tmp_path, "a.png").find("a.png"))
    assert (found.content, found.is_final) == (b"", False)
    await thumbnails.close()


async def test_the_cache_forgets_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.outputs.thumbnails.cache.WRITES_BETWEEN_CHECKS", 1)
    cache = ThumbnailCache(tmp_path / "cache", max_bytes=10_000)
    for number in range(20):
        cache.write(f"{number:032x}", bytes(1000))
        os.utime(tmp_path / "cache/00" / f"{number:032x}.webp", (number, number))
    kept = sorted(path.name for path in tmp_path.glob("cache/00/*.webp"))
    assert 5 < len(kept) <= 10
    assert kept[-1].startswith(f"{19:032x}")
    assert cache.read(f"{0:032x}") is None


async def test_a_read_only_volume_keeps_nothing_and_still_shows_pictures(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = ThumbnailCache(tmp_path / "cache")
    cache.write("ab", b"content")
    assert cache.read("ab") is None


if "COMFYUI_PYTHON" in os.environ:

    async def test_a_video_shows_its_first_frame(tmp_path: Path) -> None:
        thumbnails = Thumbnails(
            Renderers([Path(os.environ["COMFYUI_PYTHON"])]), ThumbnailCache(tmp_path / "cache")
        )
        folder = folder_with(tmp_path, "a.mp4", "playlist.mp4")
        (folder.path / "a.mp4").write_bytes(mp4({}))
        (folder.path / "playlist.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{folder.path}/a.mp4\n")
        found = await thumbnails.get(folder.find("a.mp4"))
        assert Image.open(io.BytesIO(found.content)).size == (16, 16)
        assert (await thumbnails.get(folder.find("playlist.mp4"))).content == b""
        await thumbnails.close()
