-- Friction by risk, and private confirmations.

ALTER TABLE confirmations ADD COLUMN private BOOLEAN NOT NULL DEFAULT FALSE;

-- One row for each confirmation of high risk. Codes never change; wrong picks only cost time.
CREATE TABLE match_codes (
    confirmation_id TEXT PRIMARY KEY REFERENCES confirmations (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    code TEXT NOT NULL,               -- three digits; told to the requester
    choices TEXT NOT NULL,            -- what the page shows, ascending, separated by spaces
    wrong_picks BIGINT NOT NULL DEFAULT 0,
    wrong_pick_at BIGINT              -- the last one: for a while after it no pick is looked at
);

-- Browsers in which the named approver has unlocked a private confirmation.
CREATE TABLE private_views (
    token_hash BYTEA PRIMARY KEY,     -- SHA-256 of the cookie
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    confirmation_id TEXT NOT NULL REFERENCES confirmations (id),
    approver_id TEXT NOT NULL REFERENCES approvers (id),
    credential_id TEXT NOT NULL REFERENCES credentials (id), -- revoking it ends the view
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX private_views_by_expiry ON private_views (expires_at);
