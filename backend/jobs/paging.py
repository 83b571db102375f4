"""Cursors of lists of jobs and batches, newest first."""

from backend.core import clock
from backend.core.errors import InvalidRequest
from backend.jobs.models import Batch, Job
from backend.web.paging import decode_cursor, encode_cursor


def encode(last: Job | Batch) -> str:
    return encode_cursor((clock.to_text(last.created_at), last.id))


def encode_end(job: Job) -> str:
    """Return the cursor of a job in the history, which is sorted by the time of the end."""
    return encode_cursor((clock.to_text(job.finished_at or job.created_at), job.id))


def decode(cursor: str | None) -> tuple[str, str] | None:
    """Return time and id of the last job of the page before; None for the first page."""
    match decode_cursor(cursor) if cursor else None:
        case None:
            return None
        case (str(created_at), str(job_id)):
            return created_at, job_id
        case _:
            raise InvalidRequest(
                "This cursor does not belong to this list. Start again without `cursor`.", code="bad_cursor"
            )
