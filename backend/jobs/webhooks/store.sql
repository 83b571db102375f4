-- name: migration_1
-- Messages to other programs. Delivered ones are kept for a while, so that an event noted twice is sent once.
CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    next_at TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

-- name: add
INSERT OR IGNORE INTO webhook_deliveries (id, url, state, created_at, next_at, record)
VALUES (:id, :url, :state, :created_at, :next_at, :record);

-- name: save
UPDATE webhook_deliveries SET state = :state, next_at = :next_at, record = :record WHERE id = :id;

-- name: get
SELECT record FROM webhook_deliveries WHERE id = :id;

-- name: due
SELECT record FROM webhook_deliveries WHERE state = 'pending' AND next_at <= :now ORDER BY next_at LIMIT :limit;

-- name: next_at
SELECT MIN(next_at) AS moment FROM webhook_deliveries WHERE state = 'pending';

-- name: pending_to
SELECT record FROM webhook_deliveries WHERE state = 'pending' AND url = :url;

-- name: newest
SELECT record FROM webhook_deliveries ORDER BY created_at DESC, id LIMIT :limit;

-- name: prune
DELETE FROM webhook_deliveries WHERE state != 'pending' AND created_at < :before;
