-- Sessions: who is signed in, in which browser. A session decides nothing; it opens the account page.

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,     -- SHA-256; the token is in the browser's cookie alone
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    approver_id TEXT NOT NULL REFERENCES approvers (id),
    credential_id TEXT NOT NULL REFERENCES credentials (id), -- what signed in
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The key an organisation's owner was given. NULL: none yet; set by one conditional statement.
ALTER TABLE organisations ADD COLUMN first_key_id TEXT;
