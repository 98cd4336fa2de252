-- Webhooks that are delivered: how each endpoint does, and every attempt.

ALTER TABLE webhooks ADD COLUMN rotated_at BIGINT;
-- The secret before, and until when it signs, too.
ALTER TABLE webhooks ADD COLUMN old_secret_sealed BYTEA;
ALTER TABLE webhooks ADD COLUMN old_secret_ends_at BIGINT;
-- Since when no attempt has succeeded; NULL: the last one has, or there was none.
ALTER TABLE webhooks ADD COLUMN failing_since BIGINT;
ALTER TABLE webhooks ADD COLUMN disabled_at BIGINT;
ALTER TABLE webhooks ADD COLUMN disabled_reason TEXT CHECK (disabled_reason IN ('gone', 'failing'));
-- Every decision asks it.
CREATE INDEX webhooks_by_organisation ON webhooks (organisation_id) WHERE revoked_at IS NULL;

-- Anew, as a test tells of no confirmation.
CREATE TABLE deliveries_anew (
    id TEXT PRIMARY KEY,              -- constant over all attempts
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    confirmation_id TEXT REFERENCES confirmations (id),
    event TEXT NOT NULL CHECK (event IN ('approved', 'rejected', 'expired', 'test')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead_letter')),
    occurred_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0, -- made; the last one's number, which only its sender has
    failures BIGINT NOT NULL DEFAULT 0, -- since it was last asked for
    leased BOOLEAN NOT NULL DEFAULT FALSE, -- an attempt is under way
    -- When it is due; while leased, when the attempt is taken to have ended with its sender.
    next_attempt_at BIGINT,
    ended_at BIGINT,
    UNIQUE (webhook_id, confirmation_id, event),
    CHECK ((event = 'test') = (confirmation_id IS NULL)),
    CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((status = 'pending') = (ended_at IS NULL))
);
INSERT INTO deliveries_anew (id, organisation_id, webhook_id, confirmation_id, event, status,
    occurred_at, next_attempt_at)
    SELECT id, organisation_id, webhook_id, confirmation_id, event, status, occurred_at,
        next_attempt_at FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_anew RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX deliveries_by_organisation ON deliveries (organisation_id, occurred_at, id);
CREATE INDEX deliveries_by_confirmation ON deliveries (confirmation_id);

-- Written before anything is sent, completed after; one that stays open was interrupted.
CREATE TABLE attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    number BIGINT NOT NULL,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    started_at BIGINT NOT NULL,
    duration_ms BIGINT,
    status BIGINT,                    -- of HTTP
    error TEXT,                       -- why there is no status
    request TEXT,                     -- its head
    response TEXT,                    -- its head
    PRIMARY KEY (delivery_id, number)
);
