"""When an idle pod is stopped."""

from datetime import UTC, datetime, timedelta

from backend.autostop.countdown import RETRY, Countdown

START = datetime(2026, 11, 27, 12, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_it_is_due_after_the_chosen_time_without_work() -> None:
    countdown = Countdown(minutes=30)
    countdown.observe(after(0), is_busy=False)
    countdown.observe(after(24), is_busy=False)
    assert not countdown.warns(after(24))
    assert countdown.warns(after(25))
    assert not countdown.is_due(after(29.9))
    assert countdown.is_due(after(30))


def test_work_begins_it_anew() -> None:
    countdown = Countdown(minutes=30)
    countdown.observe(after(0), is_busy=False)
    countdown.observe(after(29), is_busy=True)
    assert countdown.stops_at is None
    countdown.observe(after(31), is_busy=False)
    assert countdown.stops_at == after(61)


def test_what_a_user_did_meanwhile_counts() -> None:
    countdown = Countdown(minutes=30)
    countdown.observe(after(0), is_busy=False, last_active=after(-60))
    countdown.observe(after(20), is_busy=False, last_active=after(19))
    assert countdown.stops_at == after(49)
    countdown.observe(after(21), is_busy=False, last_active=after(999))  # a clock that is ahead
    assert countdown.stops_at == after(51)


def test_cancel_begins_it_anew() -> None:
    countdown = Countdown(minutes=10)
    countdown.observe(after(0), is_busy=False)
    countdown.restart(after(9))
    assert countdown.stops_at == after(19)
    assert not countdown.warns(after(9))


def test_a_refused_stop_is_tried_again_later() -> None:
    countdown = Countdown(minutes=10)
    countdown.observe(after(0), is_busy=False)
    countdown.retry_later(after(10))
    countdown.observe(after(11), is_busy=False)
    assert not countdown.is_due(after(11))
    assert countdown.is_due(after(10) + RETRY)


def test_it_never_stops_a_pod_while_it_is_off() -> None:
    countdown = Countdown(minutes=0)
    countdown.observe(after(0), is_busy=False)
    assert not countdown.is_due(after(100_000))
    assert not countdown.warns(after(100_000))
