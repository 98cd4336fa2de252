-- Friction by risk, and private confirmations.

ALTER TABLE confirmations ADD COLUMN private BOOLEAN NOT NULL DEFAULT FALSE;

-- At high risk only. Codes never change; wrong picks only cost time.
-- Three digits, told to the requester:
ALTER TABLE confirmations ADD COLUMN match_code TEXT;
-- What the page shows, ascending, separated by spaces:
ALTER TABLE confirmations ADD COLUMN match_choices TEXT;
ALTER TABLE confirmations ADD COLUMN wrong_picks BIGINT NOT NULL DEFAULT 0;
-- The last one: for a while after it no pick is looked at.
ALTER TABLE confirmations ADD COLUMN wrong_pick_at BIGINT;

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
