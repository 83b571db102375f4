"""A few kills at random moments; `python -m benchmarks.kills` does the same two hundred times."""

from pathlib import Path

import pytest

from tests.support.kills import kill_test


@pytest.mark.slow
def test_kills_at_random_moments_lose_and_repeat_nothing(tmp_path: Path) -> None:
    with kill_test(tmp_path, seed=3) as test:
        test.run_queue(jobs=20, most_kills=4)
    assert test.report.problems == []
    assert test.report.states.total() == 20
