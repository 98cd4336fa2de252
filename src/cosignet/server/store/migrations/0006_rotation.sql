-- Rotation of API keys: a key stays, its secret is replaced, and the old one may go on for a while.

ALTER TABLE api_keys ADD COLUMN rotated_at BIGINT;
-- When the last of its replaced secrets ends, or ended.
ALTER TABLE api_keys ADD COLUMN old_secret_ends_at BIGINT;

-- Secrets that were replaced. Several of one key, if it was rotated again before the first ended.
CREATE TABLE old_secrets (
    key_hash BYTEA PRIMARY KEY,       -- SHA-256, as in api_keys
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    api_key_id TEXT NOT NULL REFERENCES api_keys (id),
    ends_at BIGINT NOT NULL           -- good before this, unless the key is revoked
);
CREATE INDEX old_secrets_by_key ON old_secrets (api_key_id);
CREATE INDEX old_secrets_by_end ON old_secrets (ends_at);
