"""A sample of `benchmarks/assistant.py`: whichever process is killed, no call runs twice and no message is lost."""

from pathlib import Path

import pytest

from tests.support.assistant_kills import KINDS, Kills
from tests.support.comfyui.process import ComfyUI
from tests.support.messages_api import MessagesApi

pytestmark = pytest.mark.slow


def test_a_kill_during_an_approval_repeats_and_loses_nothing(
    tmp_path: Path, api: MessagesApi, comfyui: ComfyUI
) -> None:
    report = Kills(tmp_path, api, comfyui, seed=7).run(list(KINDS))
    assert report.problems == []
    assert sum(report.kills.values()) == len(KINDS)
