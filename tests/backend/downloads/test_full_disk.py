"""On a full disk a transfer pauses, loses nothing, and resumes once there is space."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import gguf, safetensors

SIZE = 12_000_000


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


@pytest.mark.parametrize("length_is_known", [True, False], ids=["announced", "in mid-flight"])
@pytest.mark.parametrize("state_is_elsewhere", [True, False], ids=["own disk for state", "one disk for all"])
async def test_a_full_disk_pauses_the_download_until_there_is_space(
    small_disk: Path, tmp_path: Path, hub: Hub, length_is_known: bool, state_is_elsewhere: bool
) -> None:
    model = hub.add_plain("large.gguf", gguf(SIZE))
    if not length_is_known:
        hub.fault(model, faults.NoLength())
    state = tmp_path / "state" if state_is_elsewhere else None
    async with running_control_plane(small_disk, **hub_settings(hub), state_dir=state) as pod:
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
        assert pod.leftovers() == []


@pytest.mark.parametrize("records", ["can be changed", "cannot be written"])
async def test_records_survive_when_their_own_disk_is_full(small_disk: Path, hub: Hub, records: str) -> None:
    """A pod without a volume has its records on the same disk, which other programs may fill."""
    model, next_one = (
        hub.add("acme/models", f"{name}.safetensors", safetensors(2_000_000, seed=seed))
        for seed, name in enumerate("ab")
    )
    gate = hub.hold(model, after=1_500_000)
    async with running_control_plane(small_disk, **hub_settings(hub), download_workers=1) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="loras")
        waiting = await pod.download(url=hub.url_of(next_one), folder="loras")
        await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_200_000)
        if records == "cannot be written":  # no space to create the journal again
            (small_disk / ".comfypod/comfypod.db-journal").unlink()
        filler = fill(small_disk)
        clicked = await pod.client.post(f"/api/downloads/{waiting['id']}/pause")
        if records == "cannot be written":
            assert (clicked.status_code, clicked.json()["error"]["code"]) == (507, "cannot_record")
        else:
            assert clicked.json()["state"] == "paused"
        gate.release()
        await pod.until(transfer["id"], lambda seen: seen["connections"] == 0)
        filler.unlink()
        stopped = await pod.finished(transfer["id"])
        assert (stopped["state"], stopped["problem"]["code"]) == ("paused", "disk_full")
        await pod.client.post("/api/downloads/resume")
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
        assert (await pod.finished(waiting["id"]))["state"] == "done"
        assert pod.leftovers() == []


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler
