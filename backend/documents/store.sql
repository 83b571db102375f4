-- name: migration_1
-- The newest version of each document, for lists. The files on the volume are the truth; this is read from them.
CREATE TABLE workflow_documents (
    id TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    name TEXT NOT NULL,
    modified INTEGER NOT NULL,
    version TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX workflow_documents_by_age ON workflow_documents (created_at DESC, id DESC);

-- name: save
INSERT INTO workflow_documents (id, created_at, name, modified, version)
VALUES (:id, :created_at, :name, :modified, :version)
ON CONFLICT (id) DO UPDATE SET
    created_at = excluded.created_at, name = excluded.name, modified = excluded.modified, version = excluded.version;

-- name: remove
DELETE FROM workflow_documents WHERE id IN (SELECT value FROM json_each(:ids));

-- name: modified
SELECT id, modified FROM workflow_documents;

-- name: newest
-- Return a page of documents, the last changed one first. :words must all occur in the name.
SELECT id, version FROM workflow_documents
WHERE (:before_created_at IS NULL OR (created_at, id) < (:before_created_at, :before_id))
  AND NOT EXISTS (SELECT 1 FROM json_each(:words) WHERE instr(lower(name), value) = 0)
ORDER BY created_at DESC, id DESC
LIMIT :limit;
