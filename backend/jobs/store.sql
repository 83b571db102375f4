-- name: migration_1
-- `record` is the whole job as JSON; the other columns are what jobs are found and sorted by.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    position REAL NOT NULL,
    batch_id TEXT,
    template TEXT,
    prompt_hash TEXT NOT NULL,
    principal TEXT NOT NULL,
    idempotency_key TEXT,
    start_at TEXT,
    deadline TEXT,
    created_at TEXT NOT NULL,
    finished_at TEXT,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_in_queue_order ON jobs (state, priority, position, id);
CREATE INDEX jobs_by_age ON jobs (created_at DESC, id DESC);
CREATE INDEX jobs_of_batch ON jobs (batch_id, created_at, id) WHERE batch_id IS NOT NULL;
CREATE INDEX jobs_of_prompt ON jobs (prompt_hash);
CREATE UNIQUE INDEX jobs_by_key ON jobs (principal, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- The jobs that wait for another one.
CREATE TABLE job_dependencies (
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    depends_on TEXT NOT NULL,
    PRIMARY KEY (depends_on, job_id)
) WITHOUT ROWID;

-- Prompts by the hash of their content; the jobs of a batch share one. `workflow` is the graph as the editor draws it.
CREATE TABLE job_prompts (
    hash TEXT PRIMARY KEY,
    prompt TEXT NOT NULL,
    workflow TEXT
) WITHOUT ROWID;

-- One row for each try of a job. The id is the `prompt_id` at ComfyUI.
CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    lease_expires_at TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX attempts_of_job ON attempts (job_id, number);
CREATE INDEX attempts_under_way ON attempts (lease_expires_at) WHERE state = 'started';

-- What a job made, as JSON.
CREATE TABLE job_outputs (
    job_id TEXT PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    outputs TEXT NOT NULL
) WITHOUT ROWID;

-- Switches of the queue, such as `paused`, and how far the journal has been applied.
CREATE TABLE job_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- name: migration_2
-- The history is listed by the time at which jobs ended.
CREATE INDEX jobs_by_end ON jobs (finished_at DESC, id DESC) WHERE finished_at IS NOT NULL;

-- name: migration_3
-- Jobs that were submitted together. `record` is the whole batch as JSON.
CREATE TABLE batches (id TEXT PRIMARY KEY, created_at TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX batches_by_age ON batches (created_at DESC, id DESC);

-- name: claim
-- Give the next job that no worker has its new state; nothing where there is none. The state is tested once more by the
-- UPDATE, so that of several workers exactly one gets it.
UPDATE jobs SET state = :state
WHERE state = 'queued'
  AND id = (
      SELECT id FROM jobs WHERE state = 'queued' AND json_extract(record, '$.attempt_id') IS NULL
      ORDER BY priority, position, id LIMIT 1
  )
RETURNING record;

-- name: renew_lease
UPDATE attempts SET lease_expires_at = :lease_expires_at
WHERE id = :id AND worker_id = :worker_id AND state = 'started';

-- name: expire_leases
-- At start no worker of an earlier process can be alive.
UPDATE attempts SET lease_expires_at = :now WHERE state = 'started';

-- name: expire_leases_of
UPDATE attempts SET lease_expires_at = :now
WHERE state = 'started' AND job_id IN (SELECT value FROM json_each(:ids));

-- name: expired_attempt
-- Return an attempt whose worker has stopped renewing its lease. A worker that was suspended still has its own.
SELECT record FROM attempts
WHERE state = 'started' AND lease_expires_at <= :now AND worker_id <> :worker_id
ORDER BY lease_expires_at LIMIT 1;

-- name: set_sequence
INSERT OR REPLACE INTO job_settings (name, value) VALUES ('journal_sequence', :last);

-- name: advance_sequence
-- Count the entries of the journal, and return the number of the last one.
INSERT INTO job_settings (name, value) VALUES ('journal_sequence', :count)
ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + :count
RETURNING CAST(value AS INTEGER) AS last;

-- name: all_prompts
SELECT prompt, workflow FROM job_prompts;

-- name: all_jobs
SELECT record FROM jobs;

-- name: all_batches
SELECT record FROM batches;

-- name: all_attempts
SELECT record FROM attempts;

-- name: all_outputs
SELECT job_id, outputs FROM job_outputs;

-- name: all_settings
SELECT name, value FROM job_settings;
