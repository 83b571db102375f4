"""Write one message about all events since the last one. Pure functions."""

from backend.activity.models import Entry
from backend.core.formatting import format_bytes
from backend.notifications.models import Event, Message, Tone
from backend.notifications.pending import Pending
from backend.notifications.rules import TONES, event_of

TITLES = {
    Event.JOB_FINISHED: "Job finished",
    Event.JOB_FAILED: "Job failed",
    Event.BATCH_FINISHED: "Batch finished",
    Event.QUEUE_EMPTY: "The queue is empty",
    Event.DOWNLOAD_FINISHED: "Downloaded",
    Event.DOWNLOAD_FAILED: "Download failed",
    Event.DISK_LOW: "The disk is nearly full",
    Event.SERVICE_CRASHED: "Service crashed",
    Event.POD_STOPPING: "The pod will be stopped",
}
# Parts of `12 jobs finished`: singular, plural, verb.
COUNTED = {
    Event.JOB_FINISHED: ("job", "jobs", "finished"),
    Event.JOB_FAILED: ("job", "jobs", "failed"),
    Event.BATCH_FINISHED: ("batch", "batches", "finished"),
    Event.DOWNLOAD_FINISHED: ("file", "files", "downloaded"),
    Event.DOWNLOAD_FAILED: ("download", "downloads", "failed"),
    Event.SERVICE_CRASHED: ("crash", "crashes", "of services"),
}
WITHOUT_SUBJECT = frozenset({Event.QUEUE_EMPTY, Event.DISK_LOW, Event.POD_STOPPING})
SEVERITY: tuple[Tone, ...] = ("failure", "warning", "success", "info")
MAX_LINES = 10
TEST = Message(
    title="Test notification",
    body="This channel works. It will be notified of the events that you selected.",
    tone="info",
)


def compose(pending: Pending, pod: str = "") -> Message:
    """Return the message. `pod` is the name that distinguishes the pods of a user."""
    events = sorted(pending.counts, key=lambda event: SEVERITY.index(TONES[event]))
    if pending.total == 1:
        entry = pending.entries[-1]
        title, lines = _headline(events[0], entry), [_detail(entry)]
    else:
        title = ", ".join(_counted(event, pending.counts[event]) for event in events)
        lines = [_line(entry) for entry in list(pending.entries)[-MAX_LINES:]]
        if pending.total > len(lines):
            lines.append(f"and {pending.total - len(lines)} more")
    if pod:
        lines.append(f"Pod {pod}")
    body = "\n".join(line for line in lines if line) or title
    return Message(title=title, body=body, tone=TONES[events[0]], events=events)


def _headline(event: Event, entry: Entry) -> str:
    return TITLES[event] if event in WITHOUT_SUBJECT else f"{TITLES[event]}: {entry.subject}"


def _counted(event: Event, count: int) -> str:
    if event not in COUNTED:
        return TITLES[event]
    one, many, rest = COUNTED[event]
    return f"{count} {one if count == 1 else many} {rest}"


def _line(entry: Entry) -> str:
    event = event_of(entry)
    head = _headline(event, entry) if event else entry.subject
    detail = _detail(entry)
    return f"{head} ({detail})" if detail else head


def _detail(entry: Entry) -> str:
    details = entry.details
    for name in ("problem", "message", "reason"):
        if details.get(name):
            return str(details[name])
    if isinstance(size := details.get("bytes"), int):
        return format_bytes(size)
    if "succeeded" in details:
        return f"{details['succeeded']} succeeded, {details.get('failed', 0)} failed"
    return ""
