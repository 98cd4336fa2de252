-- The log's tree: who numbers leaves, its tiles, the heads that were signed, the keys that sign.

-- One row. Whoever takes over raises the epoch; what an earlier one still does then changes nothing.
CREATE TABLE log_state (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,             -- leaves that have a number
    frozen_at BIGINT                  -- the operator stopped it; NULL: it goes on
);
INSERT INTO log_state (id, epoch, size) VALUES (1, 0, 0);

-- Hashes of complete subtrees, 256 side by side; a tile grows at its end and nowhere else.
-- Bundles of entries are not stored: the entries stand in leaves.
CREATE TABLE log_tiles (
    level BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, number)
);

-- What was signed. There is one root for a size, for ever.
CREATE TABLE log_heads (
    size BIGINT PRIMARY KEY,
    root BYTEA NOT NULL,
    note TEXT NOT NULL,               -- the checkpoint with its signatures, exactly
    signed_at BIGINT NOT NULL
);

-- Keys of the log, oldest first. More than one signs during a rotation.
CREATE TABLE log_keys (
    number BIGINT PRIMARY KEY,
    public_key BYTEA NOT NULL UNIQUE, -- Ed25519
    seed_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    signs_until BIGINT                -- NULL: until it is replaced
);
