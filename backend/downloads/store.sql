-- name: migration_1
CREATE TABLE transfers (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    alternatives TEXT NOT NULL,
    folder TEXT NOT NULL,
    filename TEXT NOT NULL,
    sha256 TEXT,
    bytes INTEGER,
    received INTEGER NOT NULL,
    state TEXT NOT NULL,
    verification TEXT,
    problem_code TEXT,
    problem_message TEXT,
    failures INTEGER NOT NULL,
    preset TEXT,
    position REAL NOT NULL,
    seen_by_comfyui INTEGER,
    created_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    retry_at TEXT,
    -- Folder, file name and host in lower case.
    search TEXT NOT NULL
);
-- A destination has one record that is not done.
CREATE UNIQUE INDEX one_transfer_per_destination ON transfers (folder, filename) WHERE state <> 'done';
CREATE INDEX transfers_by_destination ON transfers (folder, filename);
CREATE INDEX transfers_in_order ON transfers (state, position, id);
CREATE INDEX transfers_by_end ON transfers (state, finished_at, id);
CREATE INDEX transfers_by_position ON transfers (position);
CREATE TABLE transfer_log (
    transfer TEXT NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX transfer_log_by_transfer ON transfer_log (transfer);
-- How many transfers are in each state. Counting rows takes longer with every finished transfer.
CREATE TABLE transfer_counts (state TEXT PRIMARY KEY, total INTEGER NOT NULL);
CREATE TRIGGER count_added AFTER INSERT ON transfers BEGIN
    INSERT INTO transfer_counts VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER count_deleted AFTER DELETE ON transfers BEGIN
    UPDATE transfer_counts SET total = total - 1 WHERE state = old.state;
END;
CREATE TRIGGER count_changed AFTER UPDATE OF state ON transfers WHEN old.state <> new.state BEGIN
    UPDATE transfer_counts SET total = total - 1 WHERE state = old.state;
    INSERT INTO transfer_counts VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET total = total + 1;
END;

-- name: add
-- Insert a transfer at the end of the queue.
INSERT INTO transfers (
    id, url, alternatives, folder, filename, sha256, bytes, received, state, verification, problem_code,
    problem_message, failures, preset, seen_by_comfyui, created_at, started_at, finished_at, retry_at, search, position
) VALUES (
    :id, :url, :alternatives, :folder, :filename, :sha256, :bytes, :received, :state, :verification, :problem_code,
    :problem_message, :failures, :preset, :seen_by_comfyui, :created_at, :started_at, :finished_at, :retry_at, :search,
    (SELECT COALESCE(MAX(position), 0) + 1 FROM transfers)
);

-- name: save
-- Write a transfer if its state is still one of `only_if`. Its position stays.
UPDATE transfers SET
    url = :url, alternatives = :alternatives, folder = :folder, filename = :filename, sha256 = :sha256,
    bytes = :bytes, received = :received, state = :state, verification = :verification,
    problem_code = :problem_code, problem_message = :problem_message, failures = :failures, preset = :preset,
    seen_by_comfyui = :seen_by_comfyui, created_at = :created_at, started_at = :started_at,
    finished_at = :finished_at, retry_at = :retry_at, search = :search
WHERE id = :id AND state IN (SELECT value FROM json_each(:only_if));

-- name: get
SELECT * FROM transfers WHERE id = :id;

-- name: in_state
-- Return the transfers in some states, in the order of the queue.
SELECT * FROM transfers WHERE state IN (SELECT value FROM json_each(:states)) ORDER BY position, id;

-- name: cancelled_with_bytes
SELECT * FROM transfers WHERE state = 'cancelled' AND received > 0;

-- name: queue_page
-- Return one page of unfinished transfers, in the order of the queue.
SELECT * FROM transfers
WHERE state IN (SELECT value FROM json_each(:states))
    AND (position, id) > (:after_position, :after_id)
    AND (:preset IS NULL OR preset = :preset)
    AND (:q = '' OR instr(search, :q) > 0)
ORDER BY position, id LIMIT :limit;

-- name: finished_page
-- Return one page of the finished transfers in one state, the newest first.
SELECT * FROM transfers
WHERE state = :state
    AND (finished_at, id) < (:before, :before_id)
    AND (:since IS NULL OR finished_at >= :since)
    AND (:preset IS NULL OR preset = :preset)
    AND (:q = '' OR instr(search, :q) > 0)
ORDER BY finished_at DESC, id DESC LIMIT :limit;

-- name: count_matching
SELECT COUNT(*) AS total FROM transfers
WHERE state IN (SELECT value FROM json_each(:states))
    AND (:q = '' OR instr(search, :q) > 0)
    AND (:since IS NULL OR finished_at >= :since);

-- name: counts
SELECT state, total FROM transfer_counts WHERE total > 0;

-- name: next_queued
-- Return the first queued transfers, except those in `running`.
SELECT * FROM transfers
WHERE state = 'queued' AND id NOT IN (SELECT value FROM json_each(:running))
ORDER BY position, id LIMIT :limit;

-- name: retrying
SELECT id, retry_at FROM transfers WHERE state = 'retrying';

-- name: queue_for_retry
-- Put transfers that have waited long enough back into the queue.
UPDATE transfers SET state = 'queued', retry_at = NULL
WHERE state = 'retrying' AND id IN (SELECT value FROM json_each(:ids))
RETURNING *;

-- name: missing_bytes
-- Return the bytes still to be received, as far as sizes are known.
SELECT COALESCE(SUM(MAX(0, bytes - received)), 0) AS total FROM transfers
WHERE state IN (SELECT value FROM json_each(:states)) AND bytes IS NOT NULL;

-- name: save_received
UPDATE transfers SET received = :received, bytes = :bytes WHERE id = :id;

-- name: pause_all
UPDATE transfers SET
    state = 'paused', retry_at = NULL, problem_code = :problem_code, problem_message = :problem_message
WHERE state IN (SELECT value FROM json_each(:states))
RETURNING *;

-- name: requeue_all
-- Queue stopped transfers again. A transfer without a URL cannot be fetched.
UPDATE transfers SET
    state = 'queued', problem_code = NULL, problem_message = NULL, failures = 0, retry_at = NULL,
    finished_at = NULL, verification = NULL
WHERE state IN (SELECT value FROM json_each(:states)) AND url <> ''
RETURNING *;

-- name: put_first
-- Move transfers before all others, in the order of `ids`.
UPDATE transfers SET position = (SELECT MIN(position) FROM transfers) - json_array_length(:ids)
    + (SELECT MIN(key) FROM json_each(:ids) WHERE value = transfers.id)
WHERE id IN (SELECT value FROM json_each(:ids));

-- name: position_of
SELECT position FROM transfers WHERE id = :id;

-- name: neighbour_before
-- Return the position of the unfinished transfer just before another one, apart from those that are moved.
SELECT MAX(position) AS position FROM transfers
WHERE state IN (SELECT value FROM json_each(:states)) AND position < :position AND id NOT IN (SELECT value FROM json_each(:moved));

-- name: neighbour_after
SELECT MIN(position) AS position FROM transfers
WHERE state IN (SELECT value FROM json_each(:states)) AND position > :position AND id NOT IN (SELECT value FROM json_each(:moved));

-- name: set_position
UPDATE transfers SET position = :position WHERE id = :id;

-- name: renumber
-- Give whole numbers as positions, in the same order.
UPDATE transfers SET position = numbered.number
FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY position, id) AS number FROM transfers) AS numbered
WHERE transfers.id = numbered.id;

-- name: delete_all
-- Delete transfers and their logs.
DELETE FROM transfers WHERE state IN (SELECT value FROM json_each(:states));

-- name: add_note
-- Add a line to a transfer's log. Does nothing when the transfer was deleted.
INSERT INTO transfer_log SELECT id, :at, :message FROM transfers WHERE id = :id;

-- name: add_notes
INSERT INTO transfer_log
SELECT id, :at, :message FROM transfers WHERE id IN (SELECT value FROM json_each(:ids));

-- name: log
SELECT at, message FROM transfer_log WHERE transfer = :id ORDER BY rowid;

-- name: newest_for
-- Return the record of a destination that is not done, if there is one; else the newest that is.
SELECT * FROM transfers WHERE folder = :folder AND filename = :filename
ORDER BY state = 'done', created_at DESC, id DESC LIMIT 1;
