"""What a message says, and when it is sent. Without a control plane."""

from datetime import UTC, datetime, timedelta

from backend.activity.models import Entry
from backend.notifications.errors import DeliveryError
from backend.notifications.messages import compose
from backend.notifications.models import Channel, Event, Kind
from backend.notifications.outbox import Outbox
from backend.notifications.pending import Pending
from backend.notifications.secrecy import secrets_of, without_secrets
from backend.notifications.timing import Timing

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
TIMING = Timing()
EVER = NOON - timedelta(days=1)
CHANNEL = Channel(id="1", name="Phone", kind=Kind.BROWSER, events=tuple(Event), target="open pages")


def entry(seq: int, kind: str, subject: str = "portrait", at: datetime = NOON, **details: str | int) -> Entry:
    return Entry(seq=seq, at=at, kind=kind, principal="system", subject=subject, details=dict(details))


def outbox_with(*entries: Entry) -> Outbox:
    outbox = Outbox(seen=0)
    for each in entries:
        outbox.take(CHANNEL, each, not_before=EVER)
    return outbox


def test_one_event_is_told_in_full() -> None:
    message = compose(outbox_with(entry(1, "job.failed", problem="Out of memory.")).pending)
    assert (message.title, message.body, message.tone) == (
        "Job failed: portrait",
        "Out of memory.",
        "failure",
    )


def test_many_events_are_counted_the_worst_first() -> None:
    many = [entry(seq, "job.succeeded", f"job {seq}") for seq in range(1, 13)]
    message = compose(outbox_with(*many, entry(13, "download.failed", "a.safetensors")).pending, "pod123")
    assert message.title == "1 download failed, 12 jobs finished"
    lines = message.body.split("\n")
    assert lines[-3:] == ["Download failed: a.safetensors", "and 3 more", "Pod pod123"]
    assert message.tone == "failure"


def test_a_hundred_thousand_events_are_one_small_message() -> None:
    pending = Pending()
    for seq in range(100_000):
        pending.add(Event.JOB_FINISHED, entry(seq, "job.succeeded"))
    assert len(pending.entries) == 20
    assert compose(pending).title == "100000 jobs finished"


def test_events_gather_for_a_moment_and_urgent_ones_do_not() -> None:
    assert outbox_with(entry(1, "job.failed")).due_at(TIMING) == NOON + TIMING.gather
    assert outbox_with(entry(1, "job.failed"), entry(2, "disk.low")).due_at(TIMING) == NOON
    assert outbox_with().due_at(TIMING) is None


def test_the_next_message_waits_a_minute() -> None:
    outbox = outbox_with()
    outbox.succeeded(NOON)
    outbox.take(CHANNEL, entry(1, "service.crashed"), not_before=EVER)
    assert outbox.due_at(TIMING) == NOON + timedelta(seconds=60)


def test_what_was_not_delivered_is_sent_with_what_followed() -> None:
    outbox = outbox_with(entry(1, "job.failed", "first"))
    sent, outbox.pending = outbox.pending, Pending()
    outbox.take(CHANNEL, entry(2, "job.failed", "second"), not_before=EVER)
    outbox.failed(NOON, sent, DeliveryError("503"), TIMING)
    assert compose(outbox.pending).title == "2 jobs failed"
    assert [each.subject for each in outbox.pending.entries] == ["first", "second"]
    assert outbox.due_at(TIMING) == NOON + timedelta(seconds=15)
    outbox.failed(NOON, Pending(), DeliveryError("401", is_final=True), TIMING)
    assert outbox.retry_at == NOON + timedelta(hours=1)


def test_an_event_is_given_up_after_a_day() -> None:
    outbox = outbox_with(entry(1, "job.failed"))
    sent, outbox.pending = outbox.pending, Pending()
    outbox.failed(NOON + timedelta(hours=25), sent, DeliveryError("503"), TIMING)
    assert outbox.due_at(TIMING) is None
    outbox.take(CHANNEL, entry(2, "job.failed", at=EVER - timedelta(hours=1)), not_before=EVER)
    assert outbox.due_at(TIMING) is None


def test_the_secret_parts_of_an_address_are_known() -> None:
    url = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js@example.com/hook"
    channel = Channel(
        id="1", name="x", kind=Kind.APPRISE, events=(), target="Discord", url=url, token="tok_123456"
    )
    secrets = secrets_of(channel)
    assert {url, "JHMHI8qBe7bk2ZwO5U711o3dV_js", "tok_123456"} <= secrets
    assert "example.com" not in secrets
    text = without_secrets("POST https://x/JHMHI8qBe7bk2ZwO5U711o3dV_js failed", secrets)
    assert text == "POST https://x/••• failed"
