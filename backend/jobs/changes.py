"""Rows that change together: as statements for the database, and as entries of the journal on the volume."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.core import clock
from backend.core.database import Value
from backend.core.queries import queries_beside
from backend.jobs.models import Attempt, Batch, Job, Output, Prompt
from backend.jobs.records import (
    attempt_from,
    batch_from,
    batch_to_text,
    job_from,
    outputs_from,
    outputs_to_text,
    to_text,
)

SQL = queries_beside(__file__)

Row = dict[str, Value]


@dataclass(frozen=True, kw_only=True)
class PromptContent:
    """What a job starts from. Jobs with the same content share one row."""

    prompt: Prompt
    # The graph as the editor draws it, for provenance.
    workflow: dict[str, Any] | None = None

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps([self.prompt, self.workflow], sort_keys=True).encode()).hexdigest()


@dataclass(kw_only=True)
class Changes:
    """Rows that are written together or not at all."""

    prompts: list[PromptContent] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    outputs: dict[str, tuple[Output, ...]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        rows = len(self.prompts) + len(self.batches) + len(self.jobs) + len(self.attempts)
        return rows + len(self.outputs) + len(self.settings)

    def statements(self) -> Iterator[tuple[str, Sequence[Any], Callable[[Any], Row]]]:
        """Yield the statements that write this, each with what it writes and how that becomes a row."""
        dependencies = [(job.id, other) for job in self.jobs for other in job.depends_on]
        yield SQL.save_prompt, self.prompts, _prompt_row
        yield SQL.save_batch, self.batches, _batch_row
        yield SQL.save_job, self.jobs, _job_row
        yield SQL.save_dependency, dependencies, lambda pair: {"job_id": pair[0], "depends_on": pair[1]}
        yield SQL.save_attempt, self.attempts, _attempt_row
        yield SQL.save_outputs, list(self.outputs.items()), _outputs_row
        yield SQL.save_setting, list(self.settings.items()), lambda pair: {"name": pair[0], "value": pair[1]}

    def lines(self, first: int) -> Iterator[str]:
        """Yield the lines of the journal, numbered from `first`."""
        for number, entry in enumerate(self._entries(), start=first):
            yield f'{{"seq":{number},{entry}}}'

    def _entries(self) -> Iterator[str]:
        """Yield each row as the inner part of a JSON object: records are put in as the text that they are."""
        for content in self.prompts:
            fields = {"hash": content.hash, "prompt": content.prompt, "workflow": content.workflow}
            yield json.dumps(fields)[1:-1]
        for batch in self.batches:
            yield f'"batch":{batch_to_text(batch)}'
        for job in self.jobs:
            yield f'"job":{to_text(job)}'
        for attempt in self.attempts:
            yield f'"attempt":{to_text(attempt)}'
        for job_id, outputs in self.outputs.items():
            yield f'"job_id":{json.dumps(job_id)},"outputs":{outputs_to_text(outputs)}'
        for name, value in self.settings.items():
            yield json.dumps({"setting": name, "value": value})[1:-1]


def changes_in(entries: Iterable[Mapping[str, Any]]) -> Changes:
    """Return the newest state of everything that the entries of a journal are about."""
    prompts: dict[str, PromptContent] = {}
    batches: dict[str, Batch] = {}
    jobs: dict[str, Job] = {}
    attempts: dict[str, Attempt] = {}
    changes = Changes()
    for entry in entries:
        match entry:
            case {"hash": str(key), "prompt": dict(prompt), "workflow": workflow}:
                prompts[key] = PromptContent(prompt=prompt, workflow=workflow)
            case {"batch": record}:
                batches[record["id"]] = batch_from(json.dumps(record))
            case {"job": record}:
                job = job_from(json.dumps(record))
                jobs[job.id] = job
            case {"attempt": record}:
                attempt = attempt_from(json.dumps(record))
                attempts[attempt.id] = attempt
            case {"job_id": str(job_id), "outputs": outputs}:
                changes.outputs[job_id] = outputs_from(json.dumps(outputs))
            case {"setting": str(name), "value": str(value)}:
                changes.settings[name] = value
    changes.prompts, changes.batches = list(prompts.values()), list(batches.values())
    changes.jobs, changes.attempts = list(jobs.values()), list(attempts.values())
    return changes


def prompt_from(row: sqlite3.Row) -> PromptContent:
    workflow = json.loads(row["workflow"]) if row["workflow"] else None
    return PromptContent(prompt=json.loads(row["prompt"]), workflow=workflow)


def _prompt_row(content: PromptContent) -> Row:
    return {
        "hash": content.hash,
        "prompt": json.dumps(content.prompt),
        "workflow": json.dumps(content.workflow) if content.workflow else None,
    }


def _batch_row(batch: Batch) -> Row:
    return {
        "id": batch.id,
        "created_at": clock.to_text(batch.created_at),
        "record": batch_to_text(batch),
    }


def _job_row(job: Job) -> Row:
    return {
        "id": job.id,
        "state": job.state,
        "priority": job.priority,
        "position": job.position,
        "batch_id": job.batch_id,
        "template": job.template,
        "prompt_hash": job.prompt_hash,
        "principal": job.principal,
        "idempotency_key": job.idempotency_key,
        "start_at": _text(job.start_at),
        "deadline": _text(job.deadline),
        "created_at": clock.to_text(job.created_at),
        "finished_at": _text(job.finished_at),
        "record": to_text(job),
    }


def _attempt_row(attempt: Attempt) -> Row:
    return {
        "id": attempt.id,
        "job_id": attempt.job_id,
        "number": attempt.number,
        "state": attempt.state,
        "worker_id": attempt.worker_id,
        "lease_expires_at": clock.to_text(attempt.lease_expires_at),
        "record": to_text(attempt),
    }


def _outputs_row(pair: tuple[str, tuple[Output, ...]]) -> Row:
    job_id, outputs = pair
    return {"job_id": job_id, "outputs": outputs_to_text(outputs)}


def _text(moment: datetime | None) -> str | None:
    return clock.to_text(moment) if moment else None
