"""How often and how soon ComfyUI is started again after it has exited."""

import json

from scripts.supervisor.restarts import DELAYS, MAX_EXITS, STABLE_SECONDS, Restarts


def run_once(
    restarts: Restarts, now: float, *, seconds: float, listens: bool = False, code: int = 1
) -> float:
    """One run that ends by itself; return when it ended."""
    restarts.start(now, automatic=now > 0)
    if listens:
        restarts.become_ready(now)
    restarts.exit(now + seconds, code)
    return now + seconds


def test_each_restart_in_a_row_comes_later_and_the_last_one_never() -> None:
    restarts, now, delays = Restarts(), 0.0, []
    for _ in range(MAX_EXITS):
        now = run_once(restarts, now, seconds=8)
        if restarts.restart_at is not None:
            delays.append(restarts.restart_at - now)
            assert not restarts.is_due(restarts.restart_at - 0.1)
            now = restarts.restart_at
            assert restarts.is_due(now)
    assert delays == list(DELAYS)
    assert restarts.stays_down
    assert not restarts.is_due(now + 1e9)


def test_one_that_exits_soon_after_it_listens_is_given_up_too() -> None:
    restarts, now = Restarts(), 0.0
    for _ in range(MAX_EXITS):
        now = run_once(restarts, now, seconds=8, listens=True) + DELAYS[-1]
    assert restarts.stays_down
    assert [entry.was_ready for entry in restarts.exits] == [True] * MAX_EXITS


def test_one_that_has_worked_is_restarted_however_often_it_exits() -> None:
    restarts, now = Restarts(), 0.0
    for _ in range(3 * MAX_EXITS):
        now = run_once(restarts, now, seconds=STABLE_SECONDS, listens=True, code=-9)
        assert restarts.restart_at == now + DELAYS[0]
    assert len(restarts.exits) == 1


def test_a_start_by_the_user_begins_a_new_series() -> None:
    restarts, now = Restarts(), 0.0
    for _ in range(MAX_EXITS):
        now = run_once(restarts, now, seconds=8) + DELAYS[-1]
    restarts.start(now, automatic=False)
    assert not restarts.stays_down
    restarts.exit(now + 8, 1)
    assert restarts.is_due(now + 8 + DELAYS[0])


def test_a_restart_that_comfyui_requests_is_no_crash() -> None:
    restarts = Restarts()
    for now in range(20):
        restarts.start(now, automatic=True)
        restarts.exit(now + 0.5, 0, requested=True)
        assert restarts.is_due(now + 0.5)
    assert not restarts.exits


def test_one_that_the_user_stops_stays_stopped() -> None:
    restarts = Restarts()
    run_once(restarts, 0, seconds=8)
    restarts.stop()
    assert not restarts.is_due(1e9)
    assert not restarts.stays_down


def test_the_report_has_the_end_of_the_output_of_the_run_that_failed() -> None:
    restarts = Restarts()
    restarts.start(0, automatic=True)
    restarts.write(b"x" * 100_000)
    restarts.write(b"\nthe reason \xff\n")
    restarts.exit(8, 255)
    restarts.start(9, automatic=True)
    restarts.write(b"the next run\n")
    report = json.loads(json.dumps(restarts.as_json()))
    assert report["output"].endswith("\nthe reason \ufffd\n")
    assert len(report["output"]) < 20_000
    assert report["exits"] == [{"at": 8, "code": 255, "seconds": 8, "was_ready": False}]
