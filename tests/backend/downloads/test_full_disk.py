"""The disk is full: the transfer pauses, says so, loses nothing, and goes on when there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import gguf

SIZE = 12_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A workspace on a file system of 8 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


@pytest.mark.parametrize("length_is_known", [True, False], ids=["announced", "in mid-flight"])
async def test_a_full_disk_pauses_the_download_until_there_is_room(
    small_disk: Path, tmp_path: Path, hub: Hub, length_is_known: bool
) -> None:
    model = hub.add_plain("large.gguf", gguf(SIZE))
    if not length_is_known:
        hub.fault(model, faults.NoLength())
    async with running_control_plane(small_disk, **hub_settings(hub), state_dir=tmp_path / "state") as pod:
        transfer = await pod.download(
            url=hub.url_of(model), folder="checkpoints", sha256=model.content.sha256
        )
        stopped = await pod.finished(transfer["id"])
        assert (stopped["state"], stopped["problem"]["code"]) == ("paused", "disk_full")
        assert "ree" in stopped["problem"]["message"]
        assert not (pod.models / "checkpoints" / "large.gguf").exists()
        enlarge(small_disk)
        await pod.client.post(f"/api/downloads/{transfer['id']}/resume")
        done = await pod.finished(transfer["id"])
        assert (done["state"], done["verification"]) == ("done", "verified")
        assert pod.rubbish() == []
