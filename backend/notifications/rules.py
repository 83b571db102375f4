"""Map entries of the activity log to events of notifications. Pure."""

from backend.activity.models import Entry
from backend.notifications.models import Event, Tone

EVENTS = {
    "job.succeeded": Event.JOB_FINISHED,
    "job.failed": Event.JOB_FAILED,
    "job.expired": Event.JOB_FAILED,
    "job.blocked": Event.JOB_FAILED,
    "batch.finished": Event.BATCH_FINISHED,
    "queue.finished": Event.QUEUE_EMPTY,
    "download.done": Event.DOWNLOAD_FINISHED,
    "download.failed": Event.DOWNLOAD_FAILED,
    "download.quarantined": Event.DOWNLOAD_FAILED,
    "disk.low": Event.DISK_LOW,
    "service.crashed": Event.SERVICE_CRASHED,
    "autostop.soon": Event.POD_STOPPING,
}
# Events that are sent at once, without waiting for others to send with them.
URGENT = frozenset({Event.DISK_LOW, Event.SERVICE_CRASHED, Event.POD_STOPPING})
TONES: dict[Event, Tone] = {
    Event.JOB_FINISHED: "success",
    Event.JOB_FAILED: "failure",
    Event.BATCH_FINISHED: "success",
    Event.QUEUE_EMPTY: "info",
    Event.DOWNLOAD_FINISHED: "success",
    Event.DOWNLOAD_FAILED: "failure",
    Event.DISK_LOW: "warning",
    Event.SERVICE_CRASHED: "failure",
    Event.POD_STOPPING: "warning",
}


def event_of(entry: Entry) -> Event | None:
    return EVENTS.get(entry.kind)
