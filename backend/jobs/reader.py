"""Reads jobs, attempts, batches and outputs from the database."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from backend.core import clock
from backend.core.database import Database, Value
from backend.core.errors import NotFound
from backend.core.queries import as_json, queries_beside
from backend.jobs.changes import PromptContent, prompt_from
from backend.jobs.filters import JobFilter
from backend.jobs.models import Attempt, Batch, Job, JobState, Output
from backend.jobs.records import attempt_from, batch_from, job_from, outputs_from

SQL = queries_beside(__file__)
# Sorts after every character of a key.
LAST_CHARACTER = "\U0010ffff"


class JobReader:
    """Jobs, attempts, prompts and outputs, as they are now."""

    def __init__(self, database: Database):
        self._database = database

    async def find(self, job_id: str) -> Job | None:
        row = await self._database.fetch_one(SQL.job, {"id": job_id})
        return job_from(row["record"]) if row else None

    async def get(self, job_id: str) -> Job:
        """Return the job. Raise NotFound when there is none with this id."""
        job = await self.find(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}. `comfypod jobs ls` lists all jobs.")
        return job

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
        return prompt_from(row) if row else None

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
        cursor = {"before_created_at": created_at, "before_id": job_id, "limit": limit}
        return await self._jobs(SQL.newest_jobs, _conditions(wanted) | cursor)

    async def ended(self, wanted: JobFilter, limit: int, before: tuple[str, str] | None = None) -> list[Job]:
        """Return jobs that have ended, the newest end first, from the one after `before`: its end and id."""
        finished_at, job_id = before or (None, None)
        cursor = {"before_finished_at": finished_at, "before_id": job_id, "limit": limit}
        return await self._jobs(SQL.ended_jobs, _conditions(wanted) | cursor)

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

    async def _jobs(self, query: str, parameters: Mapping[str, Value]) -> list[Job]:
        return [job_from(row["record"]) for row in await self._database.fetch_all(query, parameters)]


def _conditions(wanted: JobFilter) -> dict[str, Value]:
    return {
        "states": as_json(wanted.states),
        "batch_id": wanted.batch_id,
        "template": wanted.template,
        "labels": json.dumps(dict(wanted.labels)),
        "q": wanted.q.lower(),
    }
