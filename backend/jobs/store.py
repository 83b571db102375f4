"""Where jobs are kept: tables on the local disk, and a journal on the volume that outlives the pod (ADR 8).

Every change goes to the journal first and to the tables in the same step. After a crash between the two, and on a new pod
with an empty database, the journal is applied again.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.core import clock
from backend.core.database import Database, Value
from backend.core.journal import Journal
from backend.core.queries import as_json, queries_beside
from backend.jobs.attempts import begun
from backend.jobs.models import Attempt, Batch, Job, JobState, Output, Prompt
from backend.jobs.records import (
    attempt_from,
    batch_from,
    batch_to_text,
    job_from,
    outputs_from,
    outputs_to_text,
    to_text,
)

Row = dict[str, Value]

SQL = queries_beside(__file__)
# The journal is rewritten when it has grown to this, and to this many times what it has to hold.
COMPACT_BYTES = 8_000_000
COMPACT_FACTOR = 2
# The setting that says how far the journal has been applied.
APPLIED = "journal_sequence"
# Sorts after every character of a key.
LAST_CHARACTER = "\U0010ffff"


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

    def entries(self) -> Iterator[str]:
        """Yield the journal's entries as the inner part of JSON objects: records are put in as the text that they are."""
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


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    states: tuple[JobState, ...] = ()
    batch_id: str | None = None
    template: str | None = None
    # Text in the name or in a value.
    q: str = ""
    # `Job.metadata` must have all of these entries.
    labels: Mapping[str, str] = field(default_factory=dict)


class JobStore:
    """Jobs, attempts, prompts and outputs. CannotRecord when the local disk or the volume refuses a change."""

    def __init__(self, database: Database, journal: Journal):
        self._database = database
        self._journal = journal

    async def prepare(self) -> None:
        """Create the tables, and apply what the journal has and the tables have not."""
        await self._database.migrate("jobs", SQL.migrations)
        applied = await self._sequence()
        entries = await self._journal.read()
        last = max((entry.get("seq", 0) for entry in entries), default=applied)
        missing = [entry for entry in entries if entry.get("seq", 0) > applied]
        async with self._database.transaction():
            await self._write(changes_in(missing))
            await self._database.execute(SQL.save_setting, {"name": APPLIED, "value": str(last)})
            await self._database.execute(SQL.expire_leases, {"now": clock.to_text(clock.now())})

    async def compact(self) -> None:
        """Rewrite a journal that has grown far beyond what it has to hold."""
        if await self._journal.size() < COMPACT_BYTES:
            return
        async with self._database.transaction():  # no change may come between reading and rewriting
            changes = await self._everything()
            entries = list(changes.entries())
            lines = list(_numbered(entries, max(await self._sequence() - len(entries) + 1, 1)))
            if sum(map(len, lines)) * COMPACT_FACTOR < await self._journal.size():
                await self._journal.rewrite(lines)

    async def _everything(self) -> Changes:
        fetch = self._database.fetch_all
        return Changes(
            prompts=[_prompt_from(row) for row in await fetch(SQL.all_prompts)],
            batches=[batch_from(row["record"]) for row in await fetch(SQL.all_batches)],
            jobs=[job_from(row["record"]) for row in await fetch(SQL.all_jobs)],
            attempts=[attempt_from(row["record"]) for row in await fetch(SQL.all_attempts)],
            outputs={row["job_id"]: outputs_from(row["outputs"]) for row in await fetch(SQL.all_outputs)},
            settings={
                row["name"]: row["value"] for row in await fetch(SQL.all_settings) if row["name"] != APPLIED
            },
        )

    async def save(self, changes: Changes) -> None:
        """Write all of `changes` or nothing."""
        async with self._database.transaction():
            await self._save(changes)

    async def _save(self, changes: Changes) -> None:
        """Write the rows, then the journal, in a transaction of the caller's: neither is there alone."""
        await self._write(changes)
        entries = list(changes.entries())
        await self._journal.append(_numbered(entries, await self._next_sequence(len(entries))))

    async def adopt(self, changes: Changes) -> list[Job]:
        """Take in what another pod has left. What is here already is newer here, and stays as it is."""
        here = await self.states([job.id for job in changes.jobs])
        new = [job for job in changes.jobs if job.id not in here]
        ids = {job.id for job in new}
        async with self._database.transaction():
            await self.save(
                Changes(
                    prompts=changes.prompts,
                    batches=changes.batches,
                    jobs=[
                        job.changed(idempotency_key=None) if await self._has_key(job) else job for job in new
                    ],
                    attempts=[attempt for attempt in changes.attempts if attempt.job_id in ids],
                    outputs={job_id: made for job_id, made in changes.outputs.items() if job_id in ids},
                    settings={
                        name: value
                        for name, value in changes.settings.items()
                        if await self.setting(name) is None
                    },
                )
            )
            await self._database.execute(
                SQL.expire_leases_of, {"ids": as_json(sorted(ids)), "now": clock.to_text(clock.now())}
            )
        return new

    async def _has_key(self, job: Job) -> bool:
        """Return whether another job here was submitted with the same key."""
        return bool(job.idempotency_key and await self.of_key(job.principal, job.idempotency_key))

    async def claim(
        self,
        worker_id: str,
        lease_expires_at: datetime,
        attempt_id: str,
        process_id: str | None = None,
        *,
        prefetch: bool = False,
    ) -> tuple[Job, Attempt] | None:
        """Make an attempt of the next job in the queue; None where nothing is queued.

        `process_id` is that of the ComfyUI which will get the prompt. `prefetch` leaves the job queued until ComfyUI begins.

        Of several workers that claim at once, each gets another job.
        """
        async with self._database.transaction():
            row = await self._database.fetch_one(
                SQL.claim, {"state": JobState.QUEUED if prefetch else JobState.RUNNING}
            )
            if row is None:
                return None
            job = job_from(row["record"]).changed(attempt_id=attempt_id)
            attempt = Attempt(
                id=attempt_id,
                job_id=job.id,
                number=job.run_count + 1,
                worker_id=worker_id,
                lease_expires_at=lease_expires_at,
                process_id=process_id,
                created_at=clock.now(),
            )
            if not prefetch:
                job, attempt = begun(job, attempt)
            await self._save(Changes(jobs=[job], attempts=[attempt]))
        return job, attempt

    async def renew_lease(self, attempt: Attempt, lease_expires_at: datetime) -> bool:
        """Return whether the worker still owns the attempt."""
        changed = await self._database.execute(
            SQL.renew_lease,
            {
                "id": attempt.id,
                "worker_id": attempt.worker_id,
                "lease_expires_at": clock.to_text(lease_expires_at),
            },
        )
        return changed == 1

    async def take_over(self, worker_id: str, lease_expires_at: datetime) -> tuple[Job, Attempt] | None:
        """Give `worker_id` an attempt whose worker has stopped renewing its lease; None where there is none."""
        parameters = {"now": clock.to_text(clock.now()), "worker_id": worker_id}
        if not await self._database.fetch_one(
            SQL.expired_attempt, parameters
        ):  # most calls need no transaction
            return None
        async with self._database.transaction():
            row = await self._database.fetch_one(SQL.expired_attempt, parameters)
            if row is None:
                return None
            attempt = attempt_from(row["record"]).changed(
                worker_id=worker_id, lease_expires_at=lease_expires_at
            )
            job = await self.get(attempt.job_id)
            assert job is not None  # noqa: S101 - attempts reference jobs
            await self._save(Changes(attempts=[attempt]))
        return job, attempt

    async def get(self, job_id: str) -> Job | None:
        row = await self._database.fetch_one(SQL.job, {"id": job_id})
        return job_from(row["record"]) if row else None

    async def of_key(self, principal: str, idempotency_key: str) -> Job | None:
        """Return the job that this principal submitted with this key."""
        row = await self._database.fetch_one(
            SQL.job_of_key, {"principal": principal, "idempotency_key": idempotency_key}
        )
        return job_from(row["record"]) if row else None

    async def latest_of_keys(self, principal: str, prefix: str) -> Job | None:
        """Return the newest job of this principal whose key starts with `prefix`."""
        row = await self._database.fetch_one(
            SQL.latest_job_of_keys,
            {"principal": principal, "first": prefix, "last": prefix + LAST_CHARACTER},
        )
        return job_from(row["record"]) if row else None

    async def prompt(self, prompt_hash: str) -> PromptContent | None:
        row = await self._database.fetch_one(SQL.prompt, {"hash": prompt_hash})
        return _prompt_from(row) if row else None

    async def attempts(self, job_id: str) -> list[Attempt]:
        """Return every attempt of a job, first to last."""
        rows = await self._database.fetch_all(SQL.attempts_of_job, {"job_id": job_id})
        return [attempt_from(row["record"]) for row in rows]

    async def ended_attempts(self, attempt_ids: Sequence[str]) -> list[str]:
        """Return those of the attempts that are known here and have ended."""
        rows = await self._database.fetch_all(SQL.ended_attempts, {"ids": as_json(attempt_ids)})
        return [row["id"] for row in rows]

    async def outputs(self, job_id: str) -> tuple[Output, ...]:
        row = await self._database.fetch_one(SQL.outputs_of_job, {"job_id": job_id})
        return outputs_from(row["outputs"]) if row else ()

    async def outputs_of(self, job_ids: Sequence[str]) -> dict[str, tuple[Output, ...]]:
        """Return the outputs of many jobs; a job without any is missing."""
        rows = await self._database.fetch_all(SQL.outputs_of_jobs, {"ids": as_json(job_ids)})
        return {row["job_id"]: outputs_from(row["outputs"]) for row in rows}

    async def newest(self, wanted: JobFilter, limit: int, before: tuple[str, str] | None = None) -> list[Job]:
        """Return jobs, newest first, from the one after `before`: its creation time and id."""
        created_at, job_id = before or (None, None)
        return await self._jobs(
            SQL.newest_jobs,
            {
                "states": as_json(wanted.states),
                "batch_id": wanted.batch_id,
                "template": wanted.template,
                "labels": json.dumps(dict(wanted.labels)),
                "before_created_at": created_at,
                "before_id": job_id,
                "limit": limit,
            },
        )

    async def ended(self, wanted: JobFilter, limit: int, before: tuple[str, str] | None = None) -> list[Job]:
        """Return jobs that have ended, the newest end first, from the one after `before`: its end and id."""
        finished_at, job_id = before or (None, None)
        return await self._jobs(
            SQL.ended_jobs,
            {
                "states": as_json(wanted.states),
                "batch_id": wanted.batch_id,
                "template": wanted.template,
                "q": wanted.q.lower(),
                "before_finished_at": finished_at,
                "before_id": job_id,
                "limit": limit,
            },
        )

    async def in_state(self, state: JobState, limit: int) -> list[Job]:
        """Return jobs in this state, by priority and age."""
        return await self._jobs(SQL.jobs_in_state, {"state": state, "limit": limit})

    async def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        """Return jobs of a batch in the order in which they were submitted."""
        return await self._jobs(SQL.jobs_of_batch, {"batch_id": batch_id, "limit": limit})

    async def runs_of_prompt(self, prompt_hash: str, limit: int) -> list[Job]:
        """Return the newest jobs that started from this prompt and succeeded."""
        return await self._jobs(SQL.runs_of_prompt, {"prompt_hash": prompt_hash, "limit": limit})

    async def runs_of_template(self, template: str, limit: int) -> list[Job]:
        return await self._jobs(SQL.runs_of_template, {"template": template, "limit": limit})

    async def queued_before(self, job: Job, apart_from: Sequence[str]) -> Job | None:
        """Return the job that runs just before `job`, looking past `apart_from`."""
        found = await self._jobs(
            SQL.queued_before,
            {
                "priority": job.priority,
                "position": job.position,
                "id": job.id,
                "apart_from": as_json(apart_from),
            },
        )
        return found[0] if found else None

    async def batch(self, batch_id: str) -> Batch | None:
        row = await self._database.fetch_one(SQL.batch, {"id": batch_id})
        return batch_from(row["record"]) if row else None

    async def newest_batches(self, limit: int, before: tuple[str, str] | None = None) -> list[Batch]:
        """Return batches, newest first, from the one after `before`: its creation time and id."""
        created_at, batch_id = before or (None, None)
        rows = await self._database.fetch_all(
            SQL.newest_batches, {"before_created_at": created_at, "before_id": batch_id, "limit": limit}
        )
        return [batch_from(row["record"]) for row in rows]

    async def counts_of_batches(self, batch_ids: Sequence[str]) -> dict[str, dict[JobState, int]]:
        """Return how many jobs of each batch are in each state."""
        rows = await self._database.fetch_all(SQL.counts_of_batches, {"ids": as_json(batch_ids)})
        found: dict[str, dict[JobState, int]] = {batch_id: {} for batch_id in batch_ids}
        for row in rows:
            found[row["batch_id"]][JobState(row["state"])] = row["count"]
        return found

    async def in_batch(self, batch_id: str, states: Iterable[JobState]) -> list[Job]:
        """Return the jobs of a batch that are in one of these states, in the order in which they were submitted."""
        parameters = {"batch_id": batch_id, "states": as_json(sorted(states))}
        return await self._jobs(SQL.jobs_of_batch_in_states, parameters)

    async def unprepared(self, limit: int) -> list[Job]:
        """Return waiting jobs that ComfyUI has not been asked about, those of one batch together."""
        return await self._jobs(SQL.unprepared_jobs, {"limit": limit})

    async def queued(self, limit: int, after: Job | None = None) -> list[Job]:
        """Return jobs in the order in which they will run, from the one after `after`."""
        return await self._jobs(
            SQL.queued_jobs,
            {
                "after_id": after.id if after else None,
                "after_priority": after.priority if after else None,
                "after_position": after.position if after else None,
                "limit": limit,
            },
        )

    async def count_queued_before(self, job: Job) -> int:
        """Return how many jobs are before this one in the queue."""
        row = await self._database.fetch_one(
            SQL.count_queued_before, {"id": job.id, "priority": job.priority, "position": job.position}
        )
        return int(row["count"]) if row else 0

    async def due(self, limit: int) -> list[Job]:
        """Return waiting jobs whose start time has come."""
        return await self._jobs(SQL.due_jobs, {"now": clock.to_text(clock.now()), "limit": limit})

    async def overdue(self) -> list[Job]:
        """Return jobs that have not started before their deadline."""
        return await self._jobs(SQL.overdue_jobs, {"now": clock.to_text(clock.now())})

    async def ended_since(self, moment: datetime) -> list[Job]:
        """Return the jobs that have ended since then, oldest first."""
        return await self._jobs(SQL.ended_since, {"moment": clock.to_text(moment)})

    async def downloads_awaited(self) -> set[str]:
        """Return the transfers that waiting jobs wait for."""
        return {row["id"] for row in await self._database.fetch_all(SQL.downloads_awaited)}

    async def of_downloads(self, transfer_ids: Sequence[str]) -> list[Job]:
        """Return the jobs that wait for one of these transfers, or are blocked because one has stopped."""
        return await self._jobs(SQL.jobs_of_downloads, {"ids": as_json(transfer_ids)})

    async def dependants(self, job_id: str) -> list[Job]:
        """Return the jobs that wait for this one."""
        return await self._jobs(SQL.dependants, {"id": job_id})

    async def blocked_dependants(self, job_id: str) -> list[Job]:
        """Return the jobs that are blocked because this one did not succeed."""
        return await self._jobs(SQL.blocked_dependants, {"id": job_id})

    async def next_due(self) -> datetime | None:
        """Return when the next start time or deadline comes."""
        row = await self._database.fetch_one(SQL.next_due, {"now": clock.to_text(clock.now())})
        return clock.from_text(row["moment"]) if row and row["moment"] else None

    async def unfinished_of(self, principal: str) -> int:
        row = await self._database.fetch_one(SQL.unfinished_of_principal, {"principal": principal})
        return row["count"] if row else 0

    async def attempt(self, attempt_id: str) -> Attempt | None:
        row = await self._database.fetch_one(SQL.attempt, {"id": attempt_id})
        return attempt_from(row["record"]) if row else None

    async def attempts_under_way(self) -> set[str]:
        """Return the attempts whose prompts ComfyUI may have."""
        return {row["id"] for row in await self._database.fetch_all(SQL.attempts_under_way)}

    async def has_attempt(self, attempt_id: str) -> bool:
        return await self._database.fetch_one(SQL.has_attempt, {"id": attempt_id}) is not None

    async def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        rows = await self._database.fetch_all(SQL.states_of, {"ids": as_json(job_ids)})
        return {row["id"]: JobState(row["state"]) for row in rows}

    async def has_work(self) -> bool:
        """Return whether a job is queued or runs."""
        return await self._database.fetch_one(SQL.has_work) is not None

    async def counts(self) -> dict[JobState, int]:
        rows = await self._database.fetch_all(SQL.counts)
        return {JobState(row["state"]): row["count"] for row in rows}

    async def positions(self) -> tuple[float, float]:
        """Return the first and the last position in the queue; 0 where it is empty."""
        row = await self._database.fetch_one(SQL.positions)
        return (row["first"] or 0.0, row["last"] or 0.0) if row else (0.0, 0.0)

    async def settings_starting(self, prefix: str) -> dict[str, str]:
        """Return the settings whose names start with `prefix`."""
        names = {"first": prefix, "last": prefix + LAST_CHARACTER}
        rows = await self._database.fetch_all(SQL.settings_starting, names)
        return {row["name"]: row["value"] for row in rows}

    async def setting(self, name: str) -> str | None:
        row = await self._database.fetch_one(SQL.setting, {"name": name})
        return row["value"] if row else None

    async def _next_sequence(self, count: int) -> int:
        """Reserve numbers for `count` entries of the journal, and return the first."""
        row = await self._database.fetch_one(SQL.advance_sequence, {"count": count})
        assert row is not None  # noqa: S101 - it is upserted
        return int(row["last"]) - count + 1

    async def _sequence(self) -> int:
        """Return how far the journal has been applied."""
        return int(await self.setting(APPLIED) or 0)

    async def _write(self, changes: Changes) -> None:
        for statement, items, to_row in _statements(changes):
            if len(items) == 1:  # spares most changes a savepoint
                await self._database.execute(statement, to_row(items[0]))
            elif items:
                await self._database.execute_many(statement, map(to_row, items))

    async def _jobs(self, query: str, parameters: Mapping[str, Value]) -> list[Job]:
        return [job_from(row["record"]) for row in await self._database.fetch_all(query, parameters)]


def _numbered(entries: Iterable[str], first: int) -> Iterator[str]:
    """Yield the lines of the journal."""
    return (f'{{"seq":{number},{entry}}}' for number, entry in enumerate(entries, start=first))


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


def _statements(changes: Changes) -> Iterator[tuple[str, Sequence[Any], Callable[[Any], Row]]]:
    """Yield the statements that write `changes`, each with what it writes and how that becomes a row."""
    dependencies = [(job.id, other) for job in changes.jobs for other in job.depends_on]
    yield SQL.save_prompt, changes.prompts, _prompt_row
    yield SQL.save_batch, changes.batches, _batch_row
    yield SQL.save_job, changes.jobs, _job_row
    yield SQL.save_dependency, dependencies, lambda pair: {"job_id": pair[0], "depends_on": pair[1]}
    yield SQL.save_attempt, changes.attempts, _attempt_row
    yield (
        SQL.save_outputs,
        list(changes.outputs.items()),
        lambda pair: {"job_id": pair[0], "outputs": outputs_to_text(pair[1])},
    )
    yield (
        SQL.save_setting,
        list(changes.settings.items()),
        lambda pair: {"name": pair[0], "value": pair[1]},
    )


def _prompt_from(row: sqlite3.Row) -> PromptContent:
    workflow = json.loads(row["workflow"]) if row["workflow"] else None
    return PromptContent(prompt=json.loads(row["prompt"]), workflow=workflow)


def _prompt_row(content: PromptContent) -> dict[str, Value]:
    return {
        "hash": content.hash,
        "prompt": json.dumps(content.prompt),
        "workflow": json.dumps(content.workflow) if content.workflow else None,
    }


def _batch_row(batch: Batch) -> dict[str, Value]:
    return {
        "id": batch.id,
        "created_at": clock.to_text(batch.created_at),
        "record": batch_to_text(batch),
    }


def _job_row(job: Job) -> dict[str, Value]:
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


def _attempt_row(attempt: Attempt) -> dict[str, Value]:
    return {
        "id": attempt.id,
        "job_id": attempt.job_id,
        "number": attempt.number,
        "state": attempt.state,
        "worker_id": attempt.worker_id,
        "lease_expires_at": clock.to_text(attempt.lease_expires_at),
        "record": to_text(attempt),
    }


def _text(moment: datetime | None) -> str | None:
    return clock.to_text(moment) if moment else None
