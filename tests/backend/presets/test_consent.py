"""A user wants a preset or a workflow with files that can run code when they are loaded."""

from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import pickle_checkpoint, safetensors
from tests.support.workflows import Json, declaring, drawn, node

NAMES = ["plain.safetensors", "first.pth", "second.ckpt"]
CONSENT = {"allow_pickle": True}
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def urls(hub: Hub) -> list[str]:
    """Return three files of the hub: one that cannot run code, and two that can."""
    contents = [safetensors(40_000), pickle_checkpoint(1), pickle_checkpoint(2)]
    scans = ["safe", "unsafe", "queued"]
    return [
        hub.url_of(hub.add("acme/old", name, content, security=scan))
        for name, content, scan in zip(NAMES, contents, scans, strict=True)
    ]


@pytest.fixture
def definitions(tmp_path: Path, urls: list[str]) -> Path:
    folder = tmp_path / "presets"
    folder.mkdir()
    files = "".join(
        f"\n  - {{folder: upscale_models, filename: {name}, url: '{url}'}}"
        for name, url in zip(NAMES, urls, strict=True)
    )
    (folder / "old-style.yaml").write_text(f"id: old-style\ntitle: Old\ncategory: Test\nfiles:{files}\n")
    return folder


@pytest.fixture
def workflow(urls: list[str]) -> Json:
    return drawn(
        *[
            node("UpscaleModelLoader", name, properties=declaring(url, "upscale_models", name))
            for name, url in zip(NAMES, urls, strict=True)
        ]
    )


@pytest.fixture
async def pod(workspace: Path, hub: Hub, definitions: Path):  # type: ignore[no-untyped-def]
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=definitions) as plane:
        yield plane


async def no_transfer_exists(pod: ControlPlane) -> bool:
    return (await pod.client.get("/api/downloads")).json() == [] and not pod.models.exists()


def warnings_of(files: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(file["format"], file["scan"]) for file in files]


async def test_a_preset_names_all_its_pickles_before_anything_is_started(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/presets/old-style/download")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "pickle_unconfirmed")
    assert "first.pth and second.ckpt can run code when they are loaded" in error["message"]
    assert error["details"]["files"] == ["upscale_models/first.pth", "upscale_models/second.ckpt"]
    assert await no_transfer_exists(pod)


async def test_with_consent_the_whole_preset_is_downloaded(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/presets/old-style/download", params=CONSENT)
    assert answer.status_code == 202
    for transfer in answer.json():
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    assert (await pod.client.get("/api/presets/old-style/status")).json()["state"] == "installed"
    again = await pod.client.post("/api/presets/old-style/download")
    assert (again.status_code, again.json()) == (202, []), "what is here already needs no consent"


async def test_a_preset_shows_files_that_can_run_code_and_scan_results(pod: ControlPlane) -> None:
    status = (await pod.client.get("/api/presets/old-style/status", params={"ask": True})).json()
    assert warnings_of(status["files"]) == [
        ("safetensors", "safe"),
        ("pickle", "unsafe"),
        ("pickle", "pending"),
    ]


async def test_a_workflow_names_all_its_pickles_before_anything_is_started(
    pod: ControlPlane, workflow: Json
) -> None:
    needs = (await pod.client.post("/api/presets/from-workflow", json=workflow)).json()
    assert warnings_of(needs["files"])[1:] == [("pickle", "unsafe"), ("pickle", "pending")]
    answer = await pod.client.post("/api/presets/from-workflow/download", json=workflow)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "pickle_unconfirmed")
    assert error["details"]["files"] == ["upscale_models/first.pth", "upscale_models/second.ckpt"]
    assert await no_transfer_exists(pod)


async def test_with_consent_all_files_of_a_workflow_are_downloaded(pod: ControlPlane, workflow: Json) -> None:
    answer = await pod.client.post("/api/presets/from-workflow/download", json=workflow, params=CONSENT)
    assert answer.status_code == 202
    assert [transfer["filename"] for transfer in answer.json()["transfers"]] == NAMES
    assert answer.json()["refused"] == []


async def test_pickles_of_switched_off_nodes_need_no_consent(pod: ControlPlane, workflow: Json) -> None:
    for entry in workflow["nodes"][1:]:
        entry["mode"] = 4
    answer = await pod.client.post("/api/presets/from-workflow/download", json=workflow)
    assert [transfer["filename"] for transfer in answer.json()["transfers"]] == NAMES[:1]


async def test_the_pages_ask_for_consent_first(pod: ControlPlane, workflow: Json) -> None:
    preset = (await pod.client.get("/presets/old-style", headers=FRAGMENT)).text
    needs = (await pod.client.post("/presets/from-workflow", json=workflow, headers=FRAGMENT)).text
    for html in (preset, needs):
        assert html.count("Can run code when loaded") == 2
        assert "Scan: unsafe" in html
        assert "I trust the author" in html
    answer = await pod.client.post("/presets/old-style/download", headers=FRAGMENT)
    assert "can run code" in answer.headers["HX-Trigger"]
    answer = await pod.client.post("/presets/from-workflow/download", json=workflow, headers=FRAGMENT)
    assert "can run code" in answer.headers["HX-Trigger"]
    assert await no_transfer_exists(pod)
    answer = await pod.client.post("/presets/old-style/download", params=CONSENT, headers=FRAGMENT)
    assert "Downloading 3 files." in answer.headers["HX-Trigger"]


async def test_an_unattended_start_downloads_no_pickle_and_says_why(
    workspace: Path, hub: Hub, definitions: Path
) -> None:
    (definitions / "plain.yaml").write_text(
        (definitions / "old-style.yaml").read_text().split("\n  - {folder: upscale_models, filename: first")[0]
        .replace("old-style", "plain")
    )  # fmt: skip
    wanted = {"presets_dir": definitions, "preset_download": ("old-style", "plain")}
    with structlog.testing.capture_logs() as lines:
        async with running_control_plane(workspace, **hub_settings(hub), **wanted) as pod:
            async with pod.socket("/ws/downloads") as frames:
                async for _ in frames:
                    if (await pod.client.get("/api/presets/plain/status")).json()["state"] == "installed":
                        break
            asked_for = [transfer["filename"] for transfer in (await pod.client.get("/api/downloads")).json()]
    assert asked_for == NAMES[:1]
    (line,) = [line for line in lines if line.get("preset") == "old-style"]
    assert line["event"] == "preset of PRESET_DOWNLOAD was not started"
    assert "first.pth and second.ckpt can run code" in line["reason"]
