"""A user looks for a preset: search with synonyms, filters, order, pictures, and a download from the card."""

import re
import struct
from pathlib import Path

import pytest

from backend.presets.fit import GIB, Machine, fits, gpu_bytes_of
from backend.presets.models import Origin, Preset
from backend.presets.search import matches, words_of
from backend.presets.thumbnails import still
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize(
    ("search", "title"),
    [
        ("txt2img flux", "flux.1 krea dev: text to image"),
        ("t2v", "wan 2.2: text to video"),
        ("upscaler", "real-esrgan upscaling"),
        ("sd15", "stable diffusion 1.5"),
    ],
)
def test_a_synonym_finds_what_a_title_says(search: str, title: str) -> None:
    assert matches(words_of(search), title)
    assert not matches(words_of(search), "ace-step: music")


def preset(**values: object) -> Preset:
    file = {
        "folder": "vae",
        "filename": "a.safetensors",
        "url": "https://example.org/a.safetensors",
        "bytes": 10 * GIB,
    }
    return Preset.model_validate(
        {"id": "sample", "title": "x", "category": "x", "origin": Origin.ADDED, "files": [file], **values}
    )


def test_a_preset_fits_by_its_disk_space_and_its_largest_weights() -> None:
    roomy = Machine(free_bytes=20 * GIB, gpu_bytes=24 * GIB)
    assert fits(preset(), roomy, is_installed=False)
    assert not fits(preset(), Machine(free_bytes=5 * GIB, gpu_bytes=24 * GIB), is_installed=False)
    assert fits(preset(), Machine(free_bytes=5 * GIB, gpu_bytes=24 * GIB), is_installed=True)
    assert not fits(preset(), Machine(free_bytes=20 * GIB, gpu_bytes=8 * GIB), is_installed=False)
    assert fits(preset(), Machine(free_bytes=20 * GIB, gpu_bytes=None), is_installed=False)
    assert gpu_bytes_of(preset(vram_gb=6)) == 6 * GIB


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def frame(*chunks: bytes) -> bytes:
    return chunk(b"ANMF", b"\0" * 6 + b"\x3f\0\0\x2f\0\0" + b"\0" * 4 + b"".join(chunks))


def test_an_animation_becomes_its_first_picture() -> None:
    first, second = chunk(b"VP8 ", b"first"), chunk(b"VP8 ", b"second")
    animated = webp(
        chunk(b"VP8X", b"\x02" + b"\0" * 9), chunk(b"ANIM", b"\0" * 6), frame(first), frame(second)
    )
    assert still(animated) == webp(first)
    with_alpha = frame(chunk(b"ALPH", b"alpha"), first)
    extended = chunk(b"VP8X", b"\x10\0\0\0\x3f\0\0\x2f\0\0")
    assert still(webp(chunk(b"ANIM", b""), with_alpha)) == webp(extended, chunk(b"ALPH", b"alpha"), first)
    assert still(webp(first)) == webp(first)
    assert still(b"<html>") == b""
    assert still(webp(b"ANMF\xff\xff\xff\xff")) == webp(b"ANMF\xff\xff\xff\xff")


async def test_cards_have_the_pictures_that_comfyui_installs(workspace: Path, hub: Hub) -> None:
    pictures = (
        workspace / "venv/lib/python3.12/site-packages/comfyui_workflow_templates_media_image/templates"
    )
    pictures.mkdir(parents=True)
    (pictures / "image_z_image_turbo-1.webp").write_bytes(webp(chunk(b"VP8 ", b"picture")))
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        page = (await pod.client.get("/presets?q=z-image-turbo", headers=FRAGMENT)).text
        assert 'src="/presets/image_z_image_turbo/thumbnail"' in page
        picture = await pod.client.get("/presets/image_z_image_turbo/thumbnail")
        assert (picture.content[-8:-1], picture.headers["content-type"]) == (b"picture", "image/webp")
        assert (await pod.client.get("/presets/sd-1-5/thumbnail")).status_code == 404
        assert "thumbnail?number=2" not in page


async def test_a_card_compares_the_two_pictures_of_a_template(workspace: Path, hub: Hub) -> None:
    pictures = (
        workspace / "venv/lib/python3.12/site-packages/comfyui_workflow_templates_media_image/templates"
    )
    pictures.mkdir(parents=True)
    for number in (1, 2):
        picture = webp(chunk(b"VP8 ", b"number %d" % number))
        (pictures / f"image_z_image_turbo-{number}.webp").write_bytes(picture)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        page = (await pod.client.get("/presets?q=z-image-turbo", headers=FRAGMENT)).text
        (address,) = re.findall(r'class="preset-second" src="(/presets/image_z_image_turbo/[^"]+)"', page)
        assert (await pod.client.get(address)).content.endswith(b"number 2")


async def test_a_page_says_that_a_licence_is_not_verified_and_links_where_it_is(pod: ControlPlane) -> None:
    unverified = (await pod.client.get("/presets/sdxl-controlnets-noob")).text
    assert re.search(
        r"<dd[^>]*>Not verified: see <a [^>]*href=\"https://huggingface.co/Eugeoter/", unverified
    )
    assert ">Laxhar/noob_openpose</a>" in unverified
    verified = (await pod.client.get("/presets/seedvr2-7b")).text
    assert re.search(r"<dd[^>]*>Apache-2.0</dd>", verified)


async def test_the_catalogue_is_sorted_filtered_and_grows_as_one_scrolls(pod: ControlPlane) -> None:
    async def titles(query: str) -> list[str]:
        html = (await pod.client.get(f"/presets?{query}", headers=FRAGMENT)).text
        return re.findall(r'class="preset-link"[^>]*>([^<]+)</a>', html)

    assert (await titles("q=txt2img+flux"))[0].startswith("FLUX")
    names = [title.lower() for title in await titles("order=name")]
    assert names == sorted(names)
    assert len(await titles("shown=120")) == 120
    everything = await titles("shown=1000")
    newest = await titles("order=newest&shown=1000")
    assert sorted(newest) == sorted(everything)
    assert newest != everything
    flux = await titles("family=FLUX&shown=1000")
    assert 0 < len(flux) < len(everything)
    found = (await pod.client.get("/api/presets", params={"order": "popular", "limit": 3})).json()
    usage = [entry["preset"]["popularity"] for entry in found]
    assert usage == sorted(usage, reverse=True)
    assert usage[-1] > 0
