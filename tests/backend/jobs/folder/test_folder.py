"""A user puts job files into the folder, by hand, by `scp` or by a script."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.jobs.folder import scan, worker
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane

PATIENCE_SECONDS = 60
NAME = "image_20261127093000_1_cat.yaml"
CONTENT = """\
job_type: image
workflow_id: portrait
inputs: {1.color: 7}
outputs: {file_path: pictures/cat.png}
priority: 3
"""


@dataclass(frozen=True)
class Folder:
    """The folder of job files of a running control plane."""

    workspace: Path
    pod: ControlPlane

    def put(self, content: str = CONTENT, name: str = NAME, media_type: str = "image") -> Path:
        path = self.workspace / "jobs/processing" / media_type / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    @property
    def finished(self) -> Path:
        return self.workspace / "jobs/finished/image"

    def record(self, name: str = NAME) -> Path:
        return self.finished / f"{Path(name).stem}.result.json"

    async def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.pod.client.get("/api/jobs")).json()
        return found


def note(path: Path) -> Path:
    return path.with_name(f"{path.name}.error.txt")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for files: no event announces them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(scan, "RETRY_SECONDS", 0.5)
    monkeypatch.setattr(worker, "SETTLING_SECONDS", 0.05)
    monkeypatch.setattr(worker, "COMFYUI_SECONDS", 0.2)


@pytest.fixture
async def folder(workspace: Path, comfyui: ComfyUI) -> AsyncIterator[Folder]:
    workflows = workspace / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "portrait.json").write_text(json.dumps(picture()))
    (workflows / "broken.json").write_text(json.dumps(through("TestFail", message="no such colour")))
    async with running_control_plane(workspace, comfyui_url=comfyui.url) as pod:
        yield Folder(workspace, pod)


async def test_a_job_file_runs_and_moves_with_its_results(folder: Folder) -> None:
    path = folder.put()
    await until((folder.finished / NAME).exists)
    record = json.loads(folder.record().read_text())
    (output,) = record["outputs"]
    assert (record["status"], record["run_count"], record["retries_attempted"]) == ("succeeded", 1, 0)
    assert (record["priority"], output["path"], output["kind"]) == (3, "pictures/cat.png", "image")
    assert (folder.workspace / output["path"]).read_bytes().startswith(b"\x89PNG")
    assert (folder.finished / NAME).read_text() == CONTENT
    await until(lambda: list(path.parent.iterdir()) == [])
    (job,) = await folder.jobs()
    assert (job["name"], job["source"], job["template"]) == ("cat", "folder", "folder:portrait")


async def test_an_invalid_file_gets_the_reason_beside_it_until_it_is_mended(folder: Folder) -> None:
    path = folder.put(CONTENT.replace("portrait", "portait"))
    await until(note(path).exists)
    assert "portait" in note(path).read_text()
    assert await folder.jobs() == []
    folder.put()
    await until(lambda: folder.record().exists() and not path.exists())
    assert not note(path).exists()


async def test_a_file_in_the_wrong_folder_and_one_with_a_wrong_name_are_refused(folder: Folder) -> None:
    wrong = [folder.put(media_type="video"), folder.put(name="cat.yaml")]
    await until(lambda: all(note(path).exists() for path in wrong))
    assert "`video`" in note(wrong[0]).read_text()
    assert "TYPE_" in note(wrong[1]).read_text()
    wrong[0].unlink()
    await until(lambda: not note(wrong[0]).exists())


async def test_a_file_that_grows_is_left_alone_until_it_is_complete(folder: Folder) -> None:
    path = folder.put(CONTENT[:10])
    with path.open("a") as file:
        for letter in CONTENT[10:]:
            file.write(letter)
            file.flush()
            await asyncio.sleep(0.01)
    await until((folder.finished / NAME).exists)
    assert len(await folder.jobs()) == 1


async def test_a_failed_job_says_why_and_a_changed_file_runs_again(folder: Folder) -> None:
    path = folder.put(CONTENT.replace("portrait", "broken") + "retry_limit: 0\n")
    await until(note(path).exists)
    assert "no such colour" in note(path).read_text()
    assert path.exists()
    folder.put()
    await until((folder.finished / NAME).exists)
    assert not note(path).exists()
    assert [job["state"] for job in await folder.jobs()] == ["succeeded", "failed"]


async def test_the_same_name_again_is_not_run_again(folder: Folder) -> None:
    folder.put()
    await until((folder.finished / NAME).exists)
    before = folder.record().read_bytes()
    again = folder.put(CONTENT.replace("7", "8"))
    await until(note(again).exists)
    assert "finished before" in note(again).read_text()
    assert folder.record().read_bytes() == before
    assert len(await folder.jobs()) == 1


async def test_the_configuration_is_honoured(folder: Folder) -> None:
    config = folder.workspace / "global_config.yaml"
    config.write_text("default_priority: nine\n")
    path = folder.put(CONTENT.replace("priority: 3\n", "").replace("pictures/", ""))
    await until(note(config).exists)
    assert await folder.jobs() == []
    config.write_text("default_priority: 9\nretry_limit: 1\npaths: {jobs_finished: done}\n")
    finished = folder.workspace / "done/image"
    await until((finished / NAME).exists)
    (job,) = await folder.jobs()
    assert (job["priority"], job["retry_limit"]) == (9, 1)
    assert (finished / "cat.png").exists()
    assert not note(config).exists()
    assert not path.exists()


async def test_what_ended_while_the_control_plane_was_away_is_completed(
    folder: Folder, comfyui: ComfyUI
) -> None:
    path = folder.put()
    await until((folder.finished / NAME).exists)
    # As if it had died before the record was written.
    folder.record().unlink()
    (folder.finished / NAME).rename(path)
    async with running_control_plane(
        folder.workspace, comfyui_url=comfyui.url, state_dir=folder.workspace / "another"
    ):
        await until((folder.finished / NAME).exists)
    assert folder.record().exists()
    assert [path.name for path in (folder.workspace / "pictures").iterdir()] == ["cat.png"]


async def test_a_file_of_another_pod_is_left_to_it(folder: Folder) -> None:
    path = folder.workspace / "jobs/processing/image" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f".{NAME}.claim").write_text("other-pod.jsonl")
    folder.put()
    folder.put(name="image_20261127093000_2_dog.yaml")
    await until((folder.finished / "image_20261127093000_2_dog.yaml").exists)
    assert path.exists()
    assert [job["name"] for job in await folder.jobs()] == ["dog"]


async def test_a_job_that_waits_for_comfyui_keeps_its_file(folder: Folder, comfyui: ComfyUI) -> None:
    await asyncio.to_thread(comfyui.stop)
    path = folder.put()
    later = time.monotonic() + 0.5
    await until(lambda: time.monotonic() > later)
    assert not note(path).exists()
    await asyncio.to_thread(comfyui.start)
    await until((folder.finished / NAME).exists)
