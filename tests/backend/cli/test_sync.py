"""A user copies outputs to storage and back from a shell."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.sync.conftest import make
from tests.support.command_line import CommandLine
from tests.support.s3 import BUCKET, S3, running_s3

pytestmark = pytest.mark.slow  # the test starts the command several times


@pytest.fixture
def s3() -> Iterator[S3]:
    with running_s3() as running:
        yield running


def test_a_remote_is_added_used_and_removed(comfypod: CommandLine, workspace: Path, s3: S3) -> None:
    assert "comfypod sync remotes add" in comfypod.run("sync", "status").stderr
    add = ("sync", "remotes", "add", "backup", "--bucket", BUCKET, "--endpoint", s3.url, "--key", s3.key_id)
    with comfypod.terminal(*add) as terminal:
        terminal.wait_for("Secret:")
        terminal.type(f"{s3.secret}\n")
        terminal.wait_for("backup is saved, and the storage accepts the key.")
        assert terminal.exit_code() == 0
        assert s3.secret not in terminal.text
    picture = make(workspace, "output/cat.png", b"cat")
    assert comfypod.run("sync", "now").returncode == 0
    assert s3.read("comfypod/output/cat.png") == b"cat"
    picture.unlink()
    restored = comfypod.run("sync", "restore", "--json")
    assert picture.read_bytes() == b"cat"
    assert json.loads(restored.stdout)["remotes"][0]["outcomes"][1]["files"] == 1
    status = comfypod.run("sync", "status").stdout
    assert "backup\t1\t0\t0" in status
    assert s3.secret not in status + restored.stdout + comfypod.run("sync", "remotes", "ls", "--json").stdout
    assert comfypod.run("sync", "remotes", "rm", "backup").returncode == 0
    refused = comfypod.run("sync", "restore")
    assert (refused.returncode, "There is no remote yet" in refused.stderr) == (1, True)
