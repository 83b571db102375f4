-- name: migration_1
-- The hash of each file that was read, valid while size, time and inode stay the same.
CREATE TABLE hashes (
    path TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE INDEX hashes_by_content ON hashes (sha256);

-- name: hash_of_file
-- Return the hash unless the file has changed since.
SELECT sha256 FROM hashes
WHERE path = :path AND bytes = :bytes AND mtime_ns = :mtime_ns AND inode = :inode;

-- name: all_hashes
SELECT path, bytes, mtime_ns, inode, sha256 FROM hashes;

-- name: save_hash
INSERT OR REPLACE INTO hashes (path, bytes, mtime_ns, inode, sha256)
VALUES (:path, :bytes, :mtime_ns, :inode, :sha256);

-- name: paths_of_hash
-- Return the paths that had this content. They may have changed or vanished since.
SELECT path FROM hashes WHERE sha256 = :sha256;
