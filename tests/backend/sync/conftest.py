"""Fixtures: one S3-compatible server for all tests, and a pod with a remote there."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.sync.service import Sync
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.s3 import BUCKET, S3, running_s3

LONG_AGO = 1_700_000_000


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    if not shutil.which("rclone"):
        pytest.skip("rclone is not installed")
    with running_s3() as running:
        yield running


@pytest.fixture
def s3(server: S3) -> S3:
    server.clear()
    return server


def remote_variables(s3: S3, **others: Any) -> dict[str, Any]:
    """Return the variables of a remote, with uploads on request only."""
    return {
        "sync_endpoint": s3.url,
        "sync_bucket": BUCKET,
        "sync_access_key_id": s3.key_id,
        "sync_secret_access_key": s3.secret,
        "sync_when": "manual",
        **others,
    }


@pytest.fixture
async def pod(workspace: Path, s3: S3) -> AsyncIterator[ControlPlane]:
    """Yield a control plane whose environment names a remote."""
    async with running_control_plane(workspace, **remote_variables(s3)) as plane:
        yield plane


def make(workspace: Path, path: str, content: bytes = b"a picture") -> Path:
    """Write a file that nothing writes to any more. `path` begins with `output` or `workflows`."""
    folder, _, rest = path.partition("/")
    file = (
        workspace / {"output": "ComfyUI/output", "workflows": "ComfyUI/user/default/workflows"}[folder] / rest
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


async def ended(plane: ControlPlane) -> dict[str, Any]:
    """Return the state once nothing runs."""
    await plane.app.registry.get(Sync).idle.wait()
    state: dict[str, Any] = (await plane.client.get("/api/sync")).json()
    return state


async def uploaded(plane: ControlPlane, remote: str = "") -> dict[str, Any]:
    answer = await plane.client.post("/api/sync/upload", json={"remote": remote})
    assert answer.status_code == 202, answer.text
    return await ended(plane)


async def restored(plane: ControlPlane, remote: str = "") -> dict[str, Any]:
    answer = await plane.client.post("/api/sync/restore", json={"remote": remote})
    assert answer.status_code == 202, answer.text
    return await ended(plane)


async def problem(plane: ControlPlane) -> str:
    """Return why the last run of the only remote was not complete."""
    [remote] = (await ended(plane))["remotes"]
    [outcome] = remote["outcomes"]
    message: str = outcome["problem"]
    return message
