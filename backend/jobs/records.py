"""Jobs, attempts and outputs as JSON: in the database's `record` columns and in the journal on the volume."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

from backend.jobs.models import Attempt, Batch, Job, Output

JOB = TypeAdapter(Job)
ATTEMPT = TypeAdapter(Attempt)
BATCH = TypeAdapter(Batch)
OUTPUTS = TypeAdapter(tuple[Output, ...])

Record = TypeVar("Record", Job, Attempt)


def to_text(record: Job | Attempt) -> str:
    adapter: TypeAdapter[Any] = JOB if isinstance(record, Job) else ATTEMPT
    return adapter.dump_json(record).decode()


def batch_to_text(batch: Batch) -> str:
    return BATCH.dump_json(batch).decode()


def batch_from(text: str | bytes) -> Batch:
    return BATCH.validate_json(text)


def job_from(text: str | bytes) -> Job:
    return JOB.validate_json(text)


def attempt_from(text: str | bytes) -> Attempt:
    return ATTEMPT.validate_json(text)


def outputs_to_text(outputs: tuple[Output, ...]) -> str:
    return OUTPUTS.dump_json(outputs).decode()


def outputs_from(text: str | bytes) -> tuple[Output, ...]:
    return OUTPUTS.validate_json(text)
