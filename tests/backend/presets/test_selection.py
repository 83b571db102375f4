"""A user selects several presets and downloads them together."""

import json
import re
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}
SIZES = {"shared": 300_000, "own": 200_000, "pickle": 100_000}


def preset(hub: Hub, name: str, files: dict[str, str]) -> str:
    """Return a definition. `files` are the files by the names that they get."""
    entries = []
    for filename, source in files.items():
        file = hub.add("acme/models", f"{source}.safetensors", safetensors(SIZES[source]))
        entries.append(
            {"folder": "vae", "filename": filename, "url": hub.url_of(file), "bytes": SIZES[source]}
        )
    return json.dumps({"id": name, "title": f"Preset {name}", "category": "Test", "files": entries})


@pytest.fixture
async def pod(workspace: Path, tmp_path: Path, hub: Hub):  # type: ignore[no-untyped-def]
    folder = tmp_path / "presets"
    folder.mkdir()
    for name, files in (
        ("one", {"shared.safetensors": "shared"}),
        ("two", {"shared.safetensors": "shared", "own.safetensors": "own"}),
        ("old", {"old.ckpt": "pickle"}),
    ):
        (folder / f"{name}.yaml").write_text(preset(hub, name, files))
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=folder) as plane:
        yield plane


async def bar(pod: ControlPlane, *ids: str) -> str:
    answer = await pod.client.get("/presets/selection", params={"id": ids}, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", answer.text)


async def download(pod: ControlPlane, *ids: str, **more: str) -> str:
    answer = await pod.client.post("/presets/selection", data={"id": ids, **more}, headers=FRAGMENT)
    assert answer.status_code == 204, answer.text
    message: str = json.loads(answer.headers["HX-Trigger"])["toast"]["message"]
    return message


async def test_a_shared_file_counts_once(pod: ControlPlane) -> None:
    html = await bar(pod, "one", "two", "gone-meanwhile")
    assert "2 presets selected" in html
    assert "2 files to download · 500.0 kB" in html
    assert await bar(pod) == ""
    assert await download(pod, "one", "two") == "Downloading 2 files."
    for transfer in (await pod.client.get("/api/downloads")).json():
        await pod.finished(transfer["id"])
    assert "everything is installed" in await bar(pod, "one", "two")


async def test_one_that_is_refused_does_not_stop_the_others(pod: ControlPlane) -> None:
    assert "I trust the author" in await bar(pod, "old", "one")
    message = await download(pod, "old", "one")
    assert message.startswith("Downloading 1 file. Not started: Preset old:")
    assert await download(pod, "old", allow_pickle="on") == "Downloading 1 file."
