-- Answers to requests that carried an Idempotency-Key, for whoever sends one again.

-- Written in the transaction that makes what the answer tells of, so neither is there without the
-- other. The primary key decides between twins. Only successes stand here; secrets never do.
CREATE TABLE idempotency_keys (
    -- No reference, as it would hold the key's row and so let two keys that rotate each other wait
    -- in a circle; keys are never deleted.
    api_key_id TEXT NOT NULL,
    key_hash BYTEA NOT NULL,          -- SHA-256 of the header's value
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    request_hash BYTEA NOT NULL,      -- SHA-256 of method, path and raw body
    status BIGINT NOT NULL CHECK (status >= 200 AND status < 300),
    answer BYTEA NOT NULL,            -- the body to repeat, exactly
    location TEXT,                    -- the header, if there was one
    created_at BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, key_hash)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
