-- name: migration_1
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    preview TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'idle',
    turn INTEGER NOT NULL DEFAULT 0,
    starts INTEGER NOT NULL DEFAULT 0,
    last_event INTEGER NOT NULL DEFAULT 0,
    allowed TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_by_age ON conversations (updated_at DESC, id DESC);
CREATE TABLE events (
    conversation_id TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
    number INTEGER NOT NULL,
    tier TEXT NOT NULL,
    type TEXT NOT NULL,
    item TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (conversation_id, number)
) WITHOUT ROWID;
-- What the model has seen and said, in the format of the library that speaks to it.
CREATE TABLE messages (
    conversation_id TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
    position INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (conversation_id, position)
) WITHOUT ROWID;
-- What the model has not seen yet.
CREATE TABLE incoming (
    number INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    attachments TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    conversation_id TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
    turn INTEGER NOT NULL,
    tool TEXT NOT NULL,
    title TEXT NOT NULL,
    arguments TEXT NOT NULL,
    state TEXT NOT NULL,
    effect TEXT NOT NULL DEFAULT '',
    cost TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '',
    decided_by TEXT NOT NULL DEFAULT '',
    expires_at TEXT,
    started_at TEXT,
    ended_at TEXT,
    answered INTEGER NOT NULL DEFAULT 0,
    UNIQUE (conversation_id, id)
);
CREATE TABLE usage (
    number INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX usage_by_time ON usage (created_at);
CREATE INDEX usage_by_conversation ON usage (conversation_id);

-- name: create
INSERT INTO conversations (id, title, created_at, updated_at) VALUES (:id, :title, :now, :now);

-- name: get
SELECT * FROM conversations WHERE id = :id;

-- name: page
-- :words must all occur in the title or in a message.
SELECT * FROM conversations AS c
WHERE NOT EXISTS (
    SELECT 1 FROM json_each(:words) AS word
    WHERE instr(lower(c.title), word.value) = 0
      AND NOT EXISTS (
          SELECT 1 FROM events WHERE conversation_id = c.id AND tier = 'message' AND instr(lower(data), word.value) > 0
      )
)
ORDER BY updated_at DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: rename
UPDATE conversations SET title = :title WHERE id = :id;

-- name: delete
DELETE FROM conversations WHERE id = :id;

-- name: unfinished
SELECT id FROM conversations WHERE state = 'running' ORDER BY updated_at;

-- name: begin_turn
UPDATE conversations
SET state = 'running', turn = turn + 1, starts = 0, updated_at = :now, preview = :preview,
    title = CASE title WHEN '' THEN :title ELSE title END
WHERE id = :id;

-- name: resume
-- Continue when nothing is left to decide.
UPDATE conversations SET state = 'running', starts = 0
WHERE id = :id AND state = 'waiting'
  AND NOT EXISTS (SELECT 1 FROM calls WHERE conversation_id = :id AND state = 'waiting');

-- name: count_start
UPDATE conversations SET starts = starts + 1 WHERE id = :id RETURNING starts;

-- name: forget_starts
UPDATE conversations SET starts = 0 WHERE id = :id;

-- name: end_turn
UPDATE conversations SET state = :state, updated_at = :now WHERE id = :id AND turn = :turn AND state = 'running';

-- name: stop
UPDATE conversations SET state = 'idle', turn = turn + 1, updated_at = :now WHERE id = :id AND state != 'idle';

-- name: is_current
SELECT 1 FROM conversations WHERE id = :id AND turn = :turn AND state = 'running';

-- name: allow
UPDATE conversations SET allowed = :allowed WHERE id = :id;

-- name: next_number
UPDATE conversations SET last_event = last_event + 1 WHERE id = :id RETURNING last_event;

-- name: add_event
INSERT INTO events (conversation_id, number, tier, type, item, data, created_at)
VALUES (:id, :number, :tier, :type, :item, :data, :now);

-- name: events
SELECT * FROM events WHERE conversation_id = :id AND number > :after ORDER BY number LIMIT :limit;

-- name: newest_events
SELECT * FROM (
    SELECT * FROM events WHERE conversation_id = :id ORDER BY number DESC LIMIT :limit
) ORDER BY number;

-- name: deltas
SELECT item, data FROM events WHERE conversation_id = :id AND tier = 'stream' ORDER BY number;

-- name: forget_deltas
DELETE FROM events WHERE conversation_id = :id AND tier = 'stream';

-- name: messages
SELECT content FROM messages WHERE conversation_id = :id ORDER BY position;

-- name: add_message
INSERT INTO messages (conversation_id, position, content)
SELECT :id, COALESCE(MAX(position), 0) + 1, :content FROM messages WHERE conversation_id = :id;

-- name: add_incoming
INSERT INTO incoming (conversation_id, kind, text, attachments) VALUES (:id, :kind, :text, :attachments);

-- name: incoming
SELECT * FROM incoming WHERE conversation_id = :id ORDER BY number;

-- name: forget_incoming
DELETE FROM incoming WHERE conversation_id = :id AND number <= :number;

-- name: add_call
INSERT INTO calls (id, conversation_id, turn, tool, title, arguments, state, effect, cost, result, expires_at)
VALUES (:call_id, :id, :turn, :tool, :title, :arguments, :state, :effect, :cost, :result, :expires_at);

-- name: call
SELECT * FROM calls WHERE conversation_id = :id AND id = :call_id;

-- name: open_calls
-- Calls whose result the model has not seen.
SELECT * FROM calls WHERE conversation_id = :id AND answered = 0 ORDER BY number;

-- name: calls
SELECT * FROM calls WHERE conversation_id = :id ORDER BY number;

-- name: claim_call
UPDATE calls SET state = 'running', started_at = :now
WHERE conversation_id = :id AND id = :call_id AND state IN ('ready', 'approved');

-- name: end_call
UPDATE calls SET state = :state, result = :result, ended_at = :now
WHERE conversation_id = :id AND id = :call_id AND state = 'running';

-- name: decide
UPDATE calls SET state = :state, decided_by = :decided_by, result = :result,
    ended_at = CASE :state WHEN 'approved' THEN NULL ELSE :now END
WHERE conversation_id = :id AND id = :call_id AND state = 'waiting' AND expires_at > :now;

-- name: expired
SELECT * FROM calls WHERE state = 'waiting' AND expires_at <= :now;

-- name: expire
UPDATE calls SET state = 'expired', ended_at = :now
WHERE conversation_id = :id AND id = :call_id AND state = 'waiting';

-- name: cancel_calls
UPDATE calls SET ended_at = :now, state = CASE state WHEN 'running' THEN 'interrupted' ELSE 'cancelled' END
WHERE conversation_id = :id AND state IN ('ready', 'waiting', 'approved', 'running')
RETURNING id;

-- name: interrupt_calls
UPDATE calls SET ended_at = :now, state = 'interrupted'
WHERE conversation_id = :id AND state = 'running'
RETURNING id;

-- name: answer_calls
UPDATE calls SET answered = 1 WHERE conversation_id = :id AND answered = 0;

-- name: same_calls
SELECT COUNT(*) AS count FROM calls
WHERE conversation_id = :id AND turn = :turn AND tool = :tool AND arguments = :arguments;

-- name: add_usage
INSERT INTO usage (conversation_id, turn, model, input_tokens, output_tokens, cost, created_at)
VALUES (:id, :turn, :model, :input_tokens, :output_tokens, :cost, :now);

-- name: usage_of
SELECT COUNT(*) AS requests, COALESCE(SUM(input_tokens), 0) AS input_tokens,
    COALESCE(SUM(output_tokens), 0) AS output_tokens, COALESCE(SUM(cost), 0.0) AS cost
FROM usage WHERE conversation_id = :id AND (:turn IS NULL OR turn = :turn);

-- name: usage_since
SELECT COUNT(*) AS requests, COALESCE(SUM(input_tokens), 0) AS input_tokens,
    COALESCE(SUM(output_tokens), 0) AS output_tokens, COALESCE(SUM(cost), 0.0) AS cost
FROM usage WHERE created_at >= :since;
