"""Outputs and saved workflows are uploaded to a real S3-compatible server and verified there."""

import os
from pathlib import Path

import pytest

from backend.autostop.service import Autostop
from backend.sync.service import Sync
from tests.backend.sync.conftest import make, problem, remote_variables, uploaded
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.s3 import S3, running_relay


async def test_outputs_sidecars_and_workflows_are_uploaded(
    pod: ControlPlane, workspace: Path, s3: S3
) -> None:
    make(workspace, "output/jobs/cat.png")
    make(workspace, "output/jobs/cat.job.json", b"{}")
    make(workspace, "output/Größe [1] {a}.png", b"odd name")
    make(workspace, "workflows/flux.json", b'{"nodes": []}')
    make(workspace, "output/.hidden.png")
    make(workspace, "output/half.part")
    [remote] = (await uploaded(pod))["remotes"]
    assert s3.objects() == {
        "comfypod/output/jobs/cat.png": b"a picture",
        "comfypod/output/jobs/cat.job.json": b"{}",
        "comfypod/output/Größe [1] {a}.png": b"odd name",
        "comfypod/workflows/flux.json": b'{"nodes": []}',
    }
    assert (remote["done"]["files"], remote["failed"]["files"], remote["pending"]["files"]) == (4, 0, 0)
    states = (await pod.client.get("/api/sync/files")).json()
    assert {file["state"] for file in states} == {"done"}


async def test_only_changes_are_uploaded_and_what_they_replace_is_kept(
    pod: ControlPlane, workspace: Path, s3: S3
) -> None:
    picture = make(workspace, "output/a.png", b"first")
    make(workspace, "output/b.png")
    await uploaded(pod)
    picture.write_bytes(b"second")
    os.utime(picture, (1_700_000_001, 1_700_000_001))
    [remote] = (await uploaded(pod))["remotes"]
    assert remote["outcomes"][0]["files"] == 1
    objects = s3.objects()
    [replaced] = [key for key in objects if "/.replaced/" in key]
    assert replaced.endswith("/output/a.png")
    assert (objects[replaced], objects["comfypod/output/a.png"]) == (b"first", b"second")


async def test_a_file_that_is_deleted_here_stays_at_the_storage(
    pod: ControlPlane, workspace: Path, s3: S3
) -> None:
    picture = make(workspace, "output/a.png")
    await uploaded(pod)
    picture.unlink()
    await uploaded(pod)
    assert "comfypod/output/a.png" in s3.objects()


async def test_a_new_pod_does_not_upload_again(workspace: Path, tmp_path: Path, s3: S3) -> None:
    make(workspace, "output/a.png")
    for number in (1, 2):
        state = tmp_path / f"state{number}"
        async with running_control_plane(workspace, **remote_variables(s3), state_dir=state) as pod:
            [remote] = (await uploaded(pod))["remotes"]
            assert remote["done"]["files"] == 1
    assert list(s3.objects()) == ["comfypod/output/a.png"]


async def test_a_file_that_may_still_be_written_to_waits(pod: ControlPlane, workspace: Path, s3: S3) -> None:
    os.utime(make(workspace, "output/now.png"))
    await uploaded(pod)
    assert s3.objects() == {}


async def test_a_name_that_cannot_be_listed_is_reported(pod: ControlPlane, workspace: Path, s3: S3) -> None:
    make(workspace, "output/two\nlines.png")
    make(workspace, "output/good.png")
    [remote] = (await uploaded(pod))["remotes"]
    assert list(s3.objects()) == ["comfypod/output/good.png"]
    [failed] = (await pod.client.get("/api/sync/files", params={"state": "failed"})).json()
    assert (failed["path"], remote["failed"]["files"]) == ("output/two?lines.png", 1)
    assert "Rename it" in failed["reason"]


async def test_a_wrong_secret_is_reported_once(workspace: Path, s3: S3) -> None:
    make(workspace, "output/a.png")
    wrong = remote_variables(s3, sync_secret_access_key="wrong" * 8)
    async with running_control_plane(workspace, **wrong) as pod:
        await uploaded(pod)
        assert "The secret does not belong to this access key" in await problem(pod)
        [remote] = (await pod.client.get("/api/sync")).json()["remotes"]
        assert (remote["pending"]["files"], remote["failed"]["files"]) == (1, 0)


async def test_an_unknown_key_and_a_missing_bucket_are_named(workspace: Path, s3: S3) -> None:
    make(workspace, "output/a.png")
    for wrong, words in (
        ({"sync_access_key_id": "AKIAUNKNOWN"}, "does not know this access key"),
        ({"sync_bucket": "no-such-bucket"}, "There is no bucket of this name"),
        ({"sync_endpoint": "http://127.0.0.1:9"}, "cannot be reached"),
    ):
        async with running_control_plane(workspace, **{**remote_variables(s3), **wrong}) as pod:
            await uploaded(pod)
            assert words in await problem(pod)


@pytest.mark.slow
async def test_an_upload_goes_on_after_the_connection_was_lost(workspace: Path, s3: S3) -> None:
    for number in range(20):
        make(workspace, f"output/{number:02}.png", os.urandom(200_000))
    async with running_relay(s3.port) as relay:
        relay.limit = 1_500_000
        async with running_control_plane(workspace, **remote_variables(s3, sync_endpoint=relay.url)) as pod:
            await uploaded(pod)
            assert "storage" in await problem(pod)
            first = s3.objects()
            assert 0 < len(first) < 20
            relay.limit, before = None, relay.received
            [remote] = (await uploaded(pod))["remotes"]
            assert (remote["done"]["files"], len(s3.objects())) == (20, 20)
            assert relay.received - before < (20 - len(first) + 1) * 210_000


async def test_a_run_can_be_cancelled(workspace: Path, s3: S3) -> None:
    make(workspace, "output/large.bin", bytes(30_000_000))
    async with running_control_plane(workspace, **remote_variables(s3, sync_limit=1)) as pod:
        await pod.client.post("/api/sync/upload", json={})
        state = (await pod.client.post("/api/sync/cancel")).json()
        assert state["progress"] is None
        assert s3.objects() == {}


async def test_automatic_stop_waits_for_files_on_their_way(pod: ControlPlane, workspace: Path) -> None:
    make(workspace, "output/a.png")
    idleness = pod.app.registry.get(Autostop).idleness
    await pod.client.post("/api/sync/upload", json={})
    assert "Files are being uploaded." in (await idleness.observe()).busy
    await pod.app.registry.get(Sync).idle.wait()
    assert "Files are being uploaded." not in (await idleness.observe()).busy
