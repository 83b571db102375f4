-- name: migration_1
-- Sessions that have not ended, so that they survive a restart.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL
);

-- name: all_sessions
SELECT id, created_at, expires_at, last_seen_at, address, user_agent FROM sessions;

-- name: add_session
INSERT INTO sessions (id, created_at, expires_at, last_seen_at, address, user_agent)
VALUES (:id, :created_at, :expires_at, :last_seen_at, :address, :user_agent);

-- name: update_last_seen
UPDATE sessions SET last_seen_at = :last_seen_at WHERE id = :id;

-- name: delete_session
DELETE FROM sessions WHERE id = :id;
