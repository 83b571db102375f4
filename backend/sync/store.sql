-- name: migration_1
CREATE TABLE sync_files (
    remote TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (remote, path)
) WITHOUT ROWID;
CREATE INDEX sync_files_by_state ON sync_files (remote, state, at, size);

-- name: done
-- Return the uploaded files of a remote.
SELECT path, size, mtime_ns FROM sync_files WHERE remote = :remote AND state = 'done';

-- name: save
INSERT INTO sync_files (remote, path, size, mtime_ns, state, reason, at)
VALUES (:remote, :path, :size, :mtime_ns, :state, :reason, :at)
ON CONFLICT (remote, path) DO UPDATE
SET size = excluded.size, mtime_ns = excluded.mtime_ns, state = excluded.state, reason = excluded.reason, at = excluded.at;

-- name: set_state
UPDATE sync_files SET state = :state, reason = :reason, at = :at
WHERE remote = :remote AND path IN (SELECT value FROM json_each(:paths));

-- name: settle
-- Nothing is being uploaded any more.
UPDATE sync_files SET state = 'pending' WHERE state = 'uploading' AND (:remote = '' OR remote = :remote);

-- name: forget
DELETE FROM sync_files WHERE remote = :remote AND path IN (SELECT value FROM json_each(:paths));

-- name: forget_remote
DELETE FROM sync_files WHERE remote = :remote;

-- name: totals
SELECT state, COUNT(*) AS files, COALESCE(SUM(size), 0) AS size FROM sync_files
WHERE remote = :remote GROUP BY state;

-- name: unfinished
-- Return the files that are not uploaded.
SELECT path FROM sync_files WHERE remote = :remote AND state <> 'done';

-- name: files
-- Return files of one state, or of all, the last changed first.
SELECT path, size, state, reason, at FROM sync_files
WHERE remote = :remote AND (:state = '' OR state = :state)
ORDER BY at DESC, path LIMIT :limit;
