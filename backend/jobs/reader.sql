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

-- name: settings_starting
SELECT name, value FROM job_settings WHERE name >= :first AND name < :last;
