-- name: migration_1
-- The hash of each file that was read, valid while size, time and inode stay the same.
CREATE TABLE hashes (
    path TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
-- The file index as the last process left it; path and content are JSON.
CREATE TABLE directories (path TEXT PRIMARY KEY, content TEXT NOT NULL);

-- name: all_hashes
-- Return every row; the store keeps them in memory.
SELECT path, bytes, mtime_ns, inode, sha256 FROM hashes;

-- name: save_hash
INSERT OR REPLACE INTO hashes (path, bytes, mtime_ns, inode, sha256)
VALUES (:path, :bytes, :mtime_ns, :inode, :sha256);

-- name: all_directories
-- Return the index in the order in which ComfyUI looks for models.
SELECT path, content FROM directories ORDER BY rowid;

-- name: remove_directories
DELETE FROM directories WHERE path IN (SELECT value FROM json_each(:paths));

-- name: save_directory
-- Keep the row's place in the order.
INSERT INTO directories (path, content) VALUES (:path, :content)
ON CONFLICT (path) DO UPDATE SET content = :content;
