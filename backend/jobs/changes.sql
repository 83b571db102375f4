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
