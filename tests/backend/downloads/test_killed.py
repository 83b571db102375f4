"""A control plane is killed at random moments: correct bytes or none, and downloads always resume.

`KILLS=100` kills it a hundred times, for about two minutes.
"""

import hashlib
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from backend.downloads.engine.resume_state import PartialFile, ResumeState
from tests.backend.conftest import hub_settings
from tests.support.control_plane import running_control_plane
from tests.support.forks import CONTEXT
from tests.support.hub import Hub
from tests.support.hub.formats import gguf, safetensors
from tests.support.hub.state import Recorded
from tests.support.process import free_port

KILLS = int(os.environ.get("KILLS", "25"))
# Counted from the first request; long enough that some runs finish.
MAX_RUN_SECONDS = 1.2
# One run in so many is killed during its start.
STARTS = 5
# For each connection; the large file has three.
BYTES_PER_SECOND = 10_000_000


@pytest.fixture
def wanted(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """Return the SHA-256 of two files by destination: one with a published hash, one of a plain server."""
    model = hub.add("acme/models", "flower.safetensors", safetensors(24_000_000))
    plain = hub.add_plain("rose.gguf", gguf(9_000_000))
    presets = tmp_path / "presets"
    presets.mkdir()
    (presets / "garden.yaml").write_text(
        f"""
id: garden
title: Garden
category: Test
files:
  - {{folder: loras, filename: flower.safetensors, url: {hub.url_of(model)}}}
  - {{folder: vae, filename: rose.gguf, url: {hub.url_of(plain)}}}
"""
    )
    return {"loras/flower.safetensors": model.content.sha256, "vae/rose.gguf": plain.content.sha256}


def settings_of(workspace: Path, hub: Hub, tmp_path: Path) -> dict[str, Any]:
    return {
        **hub_settings(hub),
        "workspace": workspace,
        "run_dir": workspace / "run",
        "presets_dir": tmp_path / "presets",
        "preset_download": ("garden",),
        "access_password": "x" * 20,
        "comfyui_url": "http://127.0.0.1:9",
        "download_retry_seconds": 0.05,
    }


def live(settings: dict[str, Any]) -> None:
    """Run a control plane until it is killed, in its own process."""
    from backend.config.settings import Settings  # noqa: PLC0415 - imported by the fork server already
    from backend.downloads.engine import part_file  # noqa: PLC0415
    from backend.main.server import serve  # noqa: PLC0415

    # Runs are short, so the resume state is written as often in relation to the received bytes.
    part_file.SAVE_SECONDS = 0.1
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    serve(Settings(**settings, port=free_port()))


@contextmanager
def life(settings: dict[str, Any]) -> Iterator[ForkServerProcess]:
    process = CONTEXT.Process(target=live, args=(settings,))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def installed(models: Path, wanted: dict[str, str]) -> set[str]:
    """Return the destinations of installed files, after checking the content of each."""
    there = {place for place in wanted if (models / place).exists()}
    for place in there:
        assert hashlib.sha256((models / place).read_bytes()).hexdigest() == wanted[place]
    return there


def until_it_progresses(process: ForkServerProcess, hub: Hub, is_over: Callable[[], bool]) -> None:
    """Wait for the first request, or for a file that needs none because all its bytes are on disk."""
    before = len(hub.requests)
    while process.exitcode is None and len(hub.requests) == before and not is_over():
        process.join(timeout=0.02)


def resumes(requests: list[Recorded]) -> bool:
    """Return True if the first request for the large file does not start at its beginning."""
    parts = [seen.headers["Range"] for seen in requests if seen.origin == "cdn"]
    return bool(parts) and not parts[0].startswith("bytes=0-")


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_kills_at_random_moments_lose_no_bytes_and_leave_no_files(
    workspace: Path, tmp_path: Path, hub: Hub, wanted: dict[str, str]
) -> None:
    moments = random.Random(20261121)
    models, settings = workspace / "ComfyUI/models", settings_of(workspace, hub, tmp_path)
    hub.throttle(BYTES_PER_SECOND)
    rounds = resumed = 0
    for number in range(KILLS):
        before = len(hub.requests)
        with life(settings) as process:
            if number % STARTS:
                until_it_progresses(process, hub, lambda: installed(models, wanted) == set(wanted))
            process.join(timeout=moments.uniform(0, MAX_RUN_SECONDS))
            assert process.exitcode is None, "the control plane ended by itself"
        resumed += resumes(hub.requests[before:])
        if installed(models, wanted) == set(wanted):
            rounds += 1
            for place in wanted:
                (models / place).unlink()
    assert rounds > 0, "no life was long enough to finish"
    await _completes(settings, models, wanted)
    assert resumed > 0, "every life began at the first byte"


async def _completes(settings: dict[str, Any], models: Path, wanted: dict[str, str]) -> None:
    """Run once without a kill; check that all files are installed, the states are correct and no leftovers exist."""
    chosen = {name: value for name, value in settings.items() if name not in ("workspace", "access_password")}
    async with running_control_plane(settings["workspace"], **chosen) as pod:
        await pod.client.post("/api/presets/garden/download")
        for transfer in (await pod.client.get("/api/downloads")).json():
            assert (await pod.finished(transfer["id"]))["state"] == "done", transfer
        assert installed(models, wanted) == set(wanted)
        assert pod.leftovers() == []


async def test_after_a_stop_at_the_last_byte_no_byte_is_requested(
    workspace: Path, tmp_path: Path, hub: Hub, wanted: dict[str, str]
) -> None:
    models = workspace / "ComfyUI/models"
    rose = hub.add_plain("rose.gguf", gguf(9_000_000))
    partial = PartialFile(models / "vae/rose.gguf")
    partial.target.parent.mkdir(parents=True)
    partial.part.write_bytes(rose.content.read(0, 9_000_000))
    partial.write(
        ResumeState(
            url=hub.url_of(rose),
            ranges=((0, 9_000_000),),
            bytes=9_000_000,
            sha256=None,
            identity=None,
            validator='"a"',
        )
    )
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        found = await pod.download(url=hub.url_of(rose), folder="vae")
        await pod.client.post(f"/api/downloads/{found['id']}/resume")
        assert (await pod.finished(found["id"]))["state"] == "done"
        assert pod.leftovers() == []
    assert hub.requests == []


@pytest.mark.slow
def test_runs_end_by_sigkill(workspace: Path, tmp_path: Path, hub: Hub, wanted: dict[str, str]) -> None:
    with life(settings_of(workspace, hub, tmp_path)) as process:
        pid = process.pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
