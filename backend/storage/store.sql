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

-- name: migration_2
-- There is one index for models and one for outputs.
DROP TABLE directories;
CREATE TABLE indexed_directories (
    index_name TEXT NOT NULL,
    path TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (index_name, path)
);

-- name: all_hashes
-- Return every row; the store keeps them in memory.
SELECT path, bytes, mtime_ns, inode, sha256 FROM hashes;

-- name: save_hash
INSERT OR REPLACE INTO hashes (path, bytes, mtime_ns, inode, sha256)
VALUES (:path, :bytes, :mtime_ns, :inode, :sha256);

-- name: all_directories
-- Return an index in the order in which ComfyUI looks for models.
SELECT path, content FROM indexed_directories WHERE index_name = :index ORDER BY rowid;

-- name: remove_directories
DELETE FROM indexed_directories
WHERE index_name = :index AND path IN (SELECT value FROM json_each(:paths));

-- name: save_directory
-- Keep the row's place in the order.
INSERT INTO indexed_directories (index_name, path, content) VALUES (:index, :path, :content)
ON CONFLICT (index_name, path) DO UPDATE SET content = :content;
