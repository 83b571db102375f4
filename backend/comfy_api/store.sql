-- name: migration_1
-- Names for files that clients have uploaded as inputs. `hash` is that of the file; several rows may share one file.
CREATE TABLE comfy_assets (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    file_path TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    used_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX comfy_assets_by_hash ON comfy_assets (hash, file_path);
CREATE INDEX comfy_assets_by_use ON comfy_assets (used_at);

-- The jobs whose workflows name a file.
CREATE TABLE comfy_asset_uses (
    hash TEXT NOT NULL,
    job_id TEXT NOT NULL,
    PRIMARY KEY (hash, job_id)
) WITHOUT ROWID;

-- name: save
INSERT OR REPLACE INTO comfy_assets (id, hash, bytes, content_type, file_path, name, created_at, used_at)
VALUES (:id, :hash, :bytes, :content_type, :file_path, :name, :created_at, :used_at);

-- name: asset
SELECT * FROM comfy_assets WHERE id = :id;

-- name: of_hash
SELECT * FROM comfy_assets WHERE hash = :hash ORDER BY created_at, id;

-- name: touch
UPDATE comfy_assets SET used_at = :used_at WHERE id = :id;

-- name: least_recently_used
SELECT * FROM comfy_assets ORDER BY used_at, id;

-- name: all_names
SELECT DISTINCT name FROM comfy_assets;

-- name: total_bytes
SELECT COALESCE(SUM(bytes), 0) AS bytes FROM (SELECT MAX(bytes) AS bytes FROM comfy_assets GROUP BY hash);

-- name: delete_asset
DELETE FROM comfy_assets WHERE id = :id;

-- name: save_use
INSERT OR IGNORE INTO comfy_asset_uses (hash, job_id) VALUES (:hash, :job_id);

-- name: users_of
SELECT job_id FROM comfy_asset_uses WHERE hash = :hash;

-- name: delete_uses
DELETE FROM comfy_asset_uses WHERE hash = :hash AND job_id IN (SELECT value FROM json_each(:job_ids));
