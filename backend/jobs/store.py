"""Where jobs are kept: tables on the local disk, and a journal on the volume that outlives the pod (ADR 8).

Every change goes to the journal first and to the tables in the same step. After a crash between the two, and on a new pod
with an empty database, the journal is applied again.
"""

from datetime import datetime

from backend.core import clock
from backend.core.database import Database
from backend.core.journal import Journal
from backend.core.queries import as_json, queries_beside
from backend.jobs.attempts import begun
from backend.jobs.changes import Changes, changes_in, prompt_from
from backend.jobs.models import Attempt, Job, JobState
from backend.jobs.reader import JobReader
from backend.jobs.records import attempt_from, batch_from, job_from, outputs_from

SQL = queries_beside(__file__)
# The journal is rewritten when it has grown to this, and to this many times what it has to hold.
COMPACT_BYTES = 8_000_000
COMPACT_FACTOR = 2
# The setting that says how far the journal has been applied: the number of its last entry.
SEQUENCE = "journal_sequence"


class JobStore(JobReader):
    """Changes jobs. CannotRecord when the local disk or the volume refuses a change."""

    def __init__(self, database: Database, journal: Journal):
        super().__init__(database)
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
            await self._database.execute(SQL.set_sequence, {"last": last})
            await self._database.execute(SQL.expire_leases, {"now": clock.to_text(clock.now())})

    async def compact(self) -> None:
        """Rewrite a journal that has grown far beyond what it has to hold."""
        if await self._journal.size() < COMPACT_BYTES:
            return
        async with self._database.transaction():  # no change may come between reading and rewriting
            changes = await self._everything()
            lines = list(changes.lines(max(await self._sequence() - len(changes) + 1, 1)))
            if sum(map(len, lines)) * COMPACT_FACTOR < await self._journal.size():
                await self._journal.rewrite(lines)

    async def _everything(self) -> Changes:
        fetch = self._database.fetch_all
        return Changes(
            prompts=[prompt_from(row) for row in await fetch(SQL.all_prompts)],
            batches=[batch_from(row["record"]) for row in await fetch(SQL.all_batches)],
            jobs=[job_from(row["record"]) for row in await fetch(SQL.all_jobs)],
            attempts=[attempt_from(row["record"]) for row in await fetch(SQL.all_attempts)],
            outputs={row["job_id"]: outputs_from(row["outputs"]) for row in await fetch(SQL.all_outputs)},
            settings={
                row["name"]: row["value"] for row in await fetch(SQL.all_settings) if row["name"] != SEQUENCE
            },
        )

    async def save(self, changes: Changes) -> None:
        """Write all of `changes` or nothing."""
        async with self._database.transaction():
            await self._save(changes)

    async def _save(self, changes: Changes) -> None:
        """Write the rows, then the journal, in a transaction of the caller's: neither is there alone."""
        await self._write(changes)
        await self._journal.append(changes.lines(await self._next_sequence(len(changes))))

    async def merge(self, changes: Changes) -> list[Job]:
        """Add the jobs and settings of another pod. Those that exist here are newer, and stay as they are."""
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
            await self._save(Changes(attempts=[attempt]))
        return job, attempt

    async def _next_sequence(self, count: int) -> int:
        """Reserve numbers for `count` entries of the journal, and return the first."""
        row = await self._database.fetch_one(SQL.advance_sequence, {"count": count})
        assert row is not None  # noqa: S101 - it is upserted
        return int(row["last"]) - count + 1

    async def _sequence(self) -> int:
        """Return how far the journal has been applied."""
        return int(await self.setting(SEQUENCE) or 0)

    async def _write(self, changes: Changes) -> None:
        for statement, items, to_row in changes.statements():
            if len(items) == 1:  # spares most changes a savepoint
                await self._database.execute(statement, to_row(items[0]))
            elif items:
                await self._database.execute_many(statement, map(to_row, items))
