-- name: migration_1
-- AUTOINCREMENT: a number is never used again, even after the newest entries were deleted.
CREATE TABLE activity (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    principal TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
);

-- name: add
INSERT INTO activity (at, kind, principal, subject, details)
VALUES (:at, :kind, :principal, :subject, :details);

-- name: entries_after
-- Return the entries that follow :seq, oldest first. :kind is a kind or its first words.
SELECT * FROM activity
WHERE seq > :seq AND (:kind = '' OR kind = :kind OR kind GLOB :kind || '.*')
ORDER BY seq LIMIT :limit;

-- name: entries_before
-- Return the entries that precede :seq, newest first.
SELECT * FROM activity
WHERE seq < :seq AND (:kind = '' OR kind = :kind OR kind GLOB :kind || '.*')
ORDER BY seq DESC LIMIT :limit;

-- name: ends
-- Return the oldest and the newest sequence number.
SELECT COALESCE(MIN(seq), 0) AS oldest, COALESCE(MAX(seq), 0) AS latest FROM activity;

-- name: prune
-- Keep the newest :most entries, and of those the ones younger than :before or among the newest :fewest.
DELETE FROM activity
WHERE seq <= (SELECT MAX(seq) FROM activity) - :most
OR (at < :before AND seq <= (SELECT MAX(seq) FROM activity) - :fewest);
