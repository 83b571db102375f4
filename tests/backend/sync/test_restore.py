"""A new pod gets its files back from a real S3-compatible server, and loses none of its own."""

import os
from pathlib import Path

import pytest

from backend.core.errors import OutOfSpace
from backend.sync.models import Remote
from backend.sync.rclone import Rclone
from tests.backend.sync.conftest import ended, make, problem, remote_variables, restored, uploaded
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.s3 import BUCKET, S3, running_relay


def leftovers(workspace: Path) -> list[Path]:
    return list(workspace.rglob(".comfypod-restore"))


async def test_a_new_pod_gets_everything_back(
    workspace: Path, tmp_path: Path, s3: S3, pod: ControlPlane
) -> None:
    make(workspace, "output/jobs/cat.png", b"cat")
    make(workspace, "workflows/sub folder/flux.json", b"{}")
    await uploaded(pod)
    new = tmp_path / "new"
    async with running_control_plane(new, **remote_variables(s3)) as other:
        [remote] = (await restored(other))["remotes"]
        assert (new / "ComfyUI/output/jobs/cat.png").read_bytes() == b"cat"
        assert (new / "ComfyUI/user/default/workflows/sub folder/flux.json").read_bytes() == b"{}"
        assert (remote["outcomes"][0]["files"], remote["done"]["files"]) == (2, 2)
        assert leftovers(new) == []
        before = len(s3.objects())
        await uploaded(other)
        assert len(s3.objects()) == before


async def test_files_that_the_pod_has_stay(pod: ControlPlane, workspace: Path, s3: S3) -> None:
    s3.write("comfypod/output/ComfyUI_00001_.png", b"the old pod's picture")
    s3.write("comfypod/output/ComfyUI_00002_.png", b"another")
    ours = make(workspace, "output/ComfyUI_00001_.png", b"the new pod's")
    [remote] = (await restored(pod))["remotes"]
    assert ours.read_bytes() == b"the new pod's"
    outcome = remote["outcomes"][0]
    assert (outcome["files"], outcome["kept"], outcome["problem"]) == (1, 1, None)


async def test_names_that_would_leave_the_folder_are_left_out(
    pod: ControlPlane, workspace: Path, s3: S3
) -> None:
    s3.write("comfypod/output/.bashrc", b"evil")
    s3.write("comfypod/output/a/.git/hooks", b"evil")
    s3.write("comfypod/output/good.png", b"good")
    await restored(pod)
    files = [path.name for path in workspace.rglob("*") if path.is_file()]
    assert "good.png" in files
    assert not {"hooks", ".bashrc"} & set(files)


async def test_an_empty_storage_restores_nothing(pod: ControlPlane, s3: S3) -> None:
    [remote] = (await restored(pod))["remotes"]
    assert s3.objects() == {}
    assert (remote["outcomes"][0]["files"], remote["outcomes"][0]["problem"]) == (0, None)


async def test_files_that_do_not_fit_are_not_begun(small_disk: Path, tmp_path: Path, s3: S3) -> None:
    s3.write("comfypod/output/a.bin", bytes(9_000_000))
    variables = remote_variables(s3, state_dir=tmp_path / "state")
    async with running_control_plane(small_disk, **variables) as pod:
        await restored(pod)
        assert "The files need 9.0 MB" in await problem(pod)
        assert not (small_disk / "ComfyUI/output").exists()


async def test_a_disk_that_fills_up_ends_the_run(small_disk: Path, s3: S3) -> None:
    s3.write("comfypod/output/a.bin", bytes(9_000_000))
    remote = Remote(
        name="s3",
        endpoint=s3.url,
        region="",
        bucket=BUCKET,
        prefix="comfypod",
        key_id=s3.key_id,
        secret=s3.secret,
    )

    async def ignore(_event: object) -> None:
        pass

    with pytest.raises(OutOfSpace, match="The disk is full"):
        await Rclone(remote).download("output", small_disk, ["a.bin"], ignore)


@pytest.mark.slow
async def test_a_restore_goes_on_after_the_connection_was_lost(workspace: Path, s3: S3) -> None:
    for number in range(10):
        s3.write(f"comfypod/output/{number}.png", os.urandom(300_000))
    async with running_relay(s3.port) as relay:
        relay.answer_limit = 1_000_000
        async with running_control_plane(workspace, **remote_variables(s3, sync_endpoint=relay.url)) as pod:
            await restored(pod)
            assert await problem(pod)
            first = {path.name: path.stat().st_size for path in (workspace / "ComfyUI/output").iterdir()}
            assert set(first.values()) <= {300_000}
            assert len(first) < 10
            assert leftovers(workspace) == []
            relay.answer_limit = None
            await restored(pod)
            assert len(list((workspace / "ComfyUI/output").iterdir())) == 10


async def test_a_variable_restores_a_new_volume_once(workspace: Path, tmp_path: Path, s3: S3) -> None:
    s3.write("comfypod/output/a.png", b"a")
    picture = workspace / "ComfyUI/output/a.png"
    for number, expected in ((1, True), (2, False)):
        variables = remote_variables(s3, sync_restore=True, state_dir=tmp_path / f"state{number}")
        async with running_control_plane(workspace, **variables) as pod:
            await ended(pod)
            assert picture.exists() is expected
        picture.unlink(missing_ok=True)
