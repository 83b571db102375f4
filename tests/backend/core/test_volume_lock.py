"""Pods take turns on a volume that they share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core.volume_lock import LockedElsewhere, volume_lock
from tests.support.process import ROOT


def test_the_lock_of_a_process_that_died_on_this_machine_is_taken_over_at_once(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys; from backend.core.volume_lock import volume_lock\n"
        "with volume_lock(pathlib.Path(sys.argv[1])): os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "lock")], cwd=ROOT, check=False)
    assert (tmp_path / "lock").exists()
    with volume_lock(tmp_path / "lock", wait=0):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_pod_that_holds_the_lock_for_too_long_is_named(tmp_path: Path) -> None:
    with (
        volume_lock(tmp_path / "lock"),
        pytest.raises(LockedElsewhere, match=str(os.getpid())),
        volume_lock(tmp_path / "lock", wait=0),
    ):
        pass
