-- name: migration_1
-- How each file was made, valid while size and time stay the same. `record` is the origin as JSON; `text` is its prompt in
-- lower case.
CREATE TABLE output_origins (
    path TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    job_id TEXT,
    batch_id TEXT,
    workflow TEXT,
    text TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX outputs_of_job ON output_origins (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX outputs_of_batch ON output_origins (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX outputs_of_workflow ON output_origins (workflow) WHERE workflow IS NOT NULL;
CREATE TABLE output_models (
    model TEXT NOT NULL,
    path TEXT NOT NULL REFERENCES output_origins ON DELETE CASCADE,
    PRIMARY KEY (model, path)
) WITHOUT ROWID;
CREATE INDEX models_of_output ON output_models (path);

-- name: save_provenance
INSERT OR REPLACE INTO output_origins (path, bytes, mtime_ns, job_id, batch_id, workflow, text, record)
VALUES (:path, :bytes, :mtime_ns, :job_id, :batch_id, :workflow, :text, :record);

-- name: save_model
INSERT OR IGNORE INTO output_models (model, path) VALUES (:model, :path);

-- name: remove_provenance
DELETE FROM output_origins WHERE path IN (SELECT value FROM json_each(:paths));

-- name: all_states
SELECT path, bytes, mtime_ns FROM output_origins;

-- name: provenance_of_paths
SELECT path, bytes, mtime_ns, record FROM output_origins WHERE path IN (SELECT value FROM json_each(:paths));

-- name: paths_with_provenance
-- Return the files that match every condition; one that is empty is not tested.
SELECT path FROM output_origins
WHERE (:job = '' OR job_id = :job) AND (:batch = '' OR batch_id = :batch)
  AND (:workflow = '' OR workflow = :workflow)
  AND (:model = '' OR path IN (SELECT path FROM output_models WHERE model = :model));

-- name: paths_with_text
SELECT path FROM output_origins WHERE instr(text, :q);

-- name: workflows
-- Return the workflows with most outputs.
SELECT workflow AS name, COUNT(*) AS files FROM output_origins WHERE workflow IS NOT NULL
GROUP BY workflow ORDER BY files DESC, name LIMIT :limit;

-- name: models
SELECT model AS name, COUNT(*) AS files FROM output_models GROUP BY model ORDER BY files DESC, name LIMIT :limit;
