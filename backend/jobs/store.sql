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

-- name: save_job
INSERT INTO jobs (id, state, priority, position, batch_id, template, prompt_hash, principal, idempotency_key, start_at,
                  deadline, created_at, finished_at, record)
VALUES (:id, :state, :priority, :position, :batch_id, :template, :prompt_hash, :principal, :idempotency_key, :start_at,
        :deadline, :created_at, :finished_at, :record)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, priority = excluded.priority, position = excluded.position, start_at = excluded.start_at,
    deadline = excluded.deadline, finished_at = excluded.finished_at, record = excluded.record;

-- name: save_batch
INSERT OR REPLACE INTO batches (id, created_at, record) VALUES (:id, :created_at, :record);

-- name: batch
SELECT record FROM batches WHERE id = :id;

-- name: newest_batches
SELECT record FROM batches
WHERE :before_created_at IS NULL OR (created_at, id) < (:before_created_at, :before_id)
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: counts_of_batches
SELECT batch_id, state, COUNT(*) AS count FROM jobs
WHERE batch_id IN (SELECT value FROM json_each(:ids)) GROUP BY batch_id, state;

-- name: jobs_of_batch_in_states
-- Return the jobs of a batch that are in one of these states, in the order in which they were submitted.
SELECT record FROM jobs
WHERE batch_id = :batch_id AND state IN (SELECT value FROM json_each(:states))
ORDER BY position, id;

-- name: unprepared_jobs
-- Return the waiting jobs whose values have not been looked at by ComfyUI, a batch at a time.
SELECT record FROM jobs WHERE state = 'waiting' AND json_extract(record, '$.prepared') = 0
ORDER BY prompt_hash, position, id LIMIT :limit;

-- name: save_dependency
INSERT OR IGNORE INTO job_dependencies (job_id, depends_on) VALUES (:job_id, :depends_on);

-- name: save_prompt
INSERT OR IGNORE INTO job_prompts (hash, prompt, workflow) VALUES (:hash, :prompt, :workflow);

-- name: save_attempt
INSERT INTO attempts (id, job_id, number, state, worker_id, lease_expires_at, record)
VALUES (:id, :job_id, :number, :state, :worker_id, :lease_expires_at, :record)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, worker_id = excluded.worker_id, lease_expires_at = excluded.lease_expires_at,
    record = excluded.record;

-- name: save_outputs
INSERT OR REPLACE INTO job_outputs (job_id, outputs) VALUES (:job_id, :outputs);

-- name: save_setting
INSERT OR REPLACE INTO job_settings (name, value) VALUES (:name, :value);

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

-- name: job
SELECT record FROM jobs WHERE id = :id;

-- name: job_of_key
SELECT record FROM jobs WHERE principal = :principal AND idempotency_key = :idempotency_key;

-- name: latest_job_of_keys
SELECT record FROM jobs
WHERE principal = :principal AND idempotency_key >= :first AND idempotency_key < :last
ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: prompt
SELECT prompt, workflow FROM job_prompts WHERE hash = :hash;

-- name: attempts_of_job
SELECT record FROM attempts WHERE job_id = :job_id AND state <> 'withdrawn' ORDER BY number;

-- name: attempt
SELECT record FROM attempts WHERE id = :id;

-- name: attempts_under_way
SELECT id FROM attempts WHERE state = 'started';

-- name: ended_attempts
SELECT id FROM attempts WHERE id IN (SELECT value FROM json_each(:ids)) AND state <> 'started';

-- name: has_attempt
SELECT 1 FROM attempts WHERE id = :id;

-- name: outputs_of_jobs
SELECT job_id, outputs FROM job_outputs WHERE job_id IN (SELECT value FROM json_each(:ids));

-- name: outputs_of_job
SELECT outputs FROM job_outputs WHERE job_id = :job_id;

-- name: newest_jobs
-- Return a page of jobs, newest first. An empty list of states means all states.
SELECT record FROM jobs
WHERE (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
  AND (:batch_id IS NULL OR batch_id = :batch_id)
  AND (:template IS NULL OR template = :template)
  AND (:labels = '{}' OR NOT EXISTS (
      SELECT 1 FROM json_each(:labels) AS wanted
      WHERE NOT EXISTS (
          SELECT 1 FROM json_each(record, '$.metadata') AS label
          WHERE label.key = wanted.key AND label.value = wanted.value
      )
  ))
  AND (:before_created_at IS NULL OR (created_at, id) < (:before_created_at, :before_id))
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: ended_jobs
-- Return a page of the jobs that have ended, the newest end first. `q` is in lower case; the first of its two tests is
-- the cheap one.
SELECT record FROM jobs
WHERE finished_at IS NOT NULL
  AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
  AND (:batch_id IS NULL OR batch_id = :batch_id)
  AND (:template IS NULL OR template = :template)
  AND (:q = '' OR (instr(lower(record), :q)
                   AND instr(lower(json_extract(record, '$.name') || ' ' || json_extract(record, '$.values')), :q)))
  AND (:before_finished_at IS NULL OR (finished_at, id) < (:before_finished_at, :before_id))
ORDER BY finished_at DESC, id DESC
LIMIT :limit;

-- name: jobs_in_state
SELECT record FROM jobs WHERE state = :state ORDER BY priority, position, id LIMIT :limit;

-- name: jobs_of_batch
-- Return jobs in the order in which they were submitted.
SELECT record FROM jobs WHERE batch_id = :batch_id ORDER BY created_at, position, id LIMIT :limit;

-- name: runs_of_prompt
-- Return the newest jobs that started from this prompt and succeeded.
SELECT record FROM jobs WHERE prompt_hash = :prompt_hash AND state = 'succeeded'
ORDER BY finished_at DESC LIMIT :limit;

-- name: runs_of_template
SELECT record FROM jobs WHERE template = :template AND state = 'succeeded' ORDER BY finished_at DESC LIMIT :limit;

-- name: queued_before
-- Return the job that runs just before another one, apart from some.
SELECT record FROM jobs
WHERE state = 'queued' AND (priority, position, id) < (:priority, :position, :id)
  AND id NOT IN (SELECT value FROM json_each(:apart_from))
ORDER BY priority DESC, position DESC, id DESC LIMIT 1;

-- name: queued_jobs
-- Return a page of jobs in the order in which they will run.
SELECT record FROM jobs
WHERE state = 'queued'
  AND (:after_id IS NULL OR (priority, position, id) > (:after_priority, :after_position, :after_id))
ORDER BY priority, position, id
LIMIT :limit;

-- name: count_queued_before
SELECT COUNT(*) AS count FROM jobs
WHERE state = 'queued' AND (priority, position, id) < (:priority, :position, :id);

-- name: due_jobs
-- Return the waiting jobs whose start time has come.
SELECT record FROM jobs WHERE state = 'waiting' AND json_extract(record, '$.prepared') IS NOT 0 AND (start_at IS NULL OR start_at <= :now)
ORDER BY priority, position, id LIMIT :limit;

-- name: overdue_jobs
SELECT record FROM jobs WHERE state IN ('waiting', 'queued') AND deadline <= :now;

-- name: dependants
-- Return the jobs that wait for this one.
SELECT jobs.record FROM job_dependencies JOIN jobs ON jobs.id = job_dependencies.job_id
WHERE job_dependencies.depends_on = :id AND jobs.state = 'waiting';

-- name: blocked_dependants
-- Return the jobs that are blocked because this one did not succeed.
SELECT jobs.record FROM job_dependencies JOIN jobs ON jobs.id = job_dependencies.job_id
WHERE job_dependencies.depends_on = :id AND jobs.state = 'blocked' AND json_extract(jobs.record, '$.error') IS NULL;

-- name: next_due
-- Return when the next start time or deadline comes.
SELECT MIN(moment) AS moment FROM (
    SELECT MIN(start_at) AS moment FROM jobs WHERE state = 'waiting' AND start_at > :now
    UNION ALL
    SELECT MIN(deadline) FROM jobs WHERE state IN ('waiting', 'queued')
);

-- name: unfinished_of_principal
SELECT COUNT(*) AS count FROM jobs
WHERE state IN ('waiting', 'queued', 'running', 'blocked') AND principal = :principal;

-- name: ended_since
SELECT record FROM jobs WHERE finished_at >= :moment ORDER BY finished_at;

-- name: downloads_awaited
SELECT DISTINCT value AS id FROM jobs, json_each(jobs.record, '$.downloads') WHERE state = 'waiting';

-- name: jobs_of_downloads
-- Return the jobs that wait for one of these transfers, or are blocked because one has stopped.
SELECT record FROM jobs
WHERE state IN ('waiting', 'blocked')
  AND EXISTS (SELECT 1 FROM json_each(jobs.record, '$.downloads')
              WHERE value IN (SELECT value FROM json_each(:ids)));

-- name: states_of
SELECT id, state FROM jobs WHERE id IN (SELECT value FROM json_each(:ids));

-- name: has_work
SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1;

-- name: counts
SELECT state, COUNT(*) AS count FROM jobs GROUP BY state;

-- name: positions
-- Return the first and the last position of the queue.
SELECT MIN(position) AS first, MAX(position) AS last FROM jobs WHERE state IN ('waiting', 'queued');

-- name: setting
SELECT value FROM job_settings WHERE name = :name;

-- name: advance_sequence
-- Count the entries of the journal, and return the number of the last one.
INSERT INTO job_settings (name, value) VALUES ('journal_sequence', :count)
ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + :count
RETURNING CAST(value AS INTEGER) AS last;

-- name: settings_starting
SELECT name, value FROM job_settings WHERE name >= :first AND name < :last;

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
