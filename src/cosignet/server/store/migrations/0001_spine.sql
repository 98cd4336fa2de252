-- The spine: who may ask, who decides, what was asked, what was signed.
-- One text for SQLite and PostgreSQL: TEXT, BIGINT, BYTEA and BOOLEAN only; times are unix
-- milliseconds; every row names its organisation. Append-only: later changes are new files.

-- What this installation is bound to. One row; written at first start, checked at every start.
CREATE TABLE installation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    public_url TEXT NOT NULL,
    rp_id TEXT NOT NULL,              -- WebAuthn RP ID: the host of the public URL
    origin TEXT NOT NULL,             -- the only origin assertions may name
    log_origin TEXT NOT NULL,         -- the transparency log's name, for ever
    encryption_key_id TEXT NOT NULL,  -- fingerprint; a node with another key refuses to start
    created_at BIGINT NOT NULL
);

CREATE TABLE organisations (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,        -- signed in every context
    name TEXT NOT NULL,
    monitor_key_sealed BYTEA NOT NULL, -- finds the organisation's own log entries
    logged BOOLEAN NOT NULL,          -- the demo's approvals stay out of the log
    created_at BIGINT NOT NULL
);

CREATE TABLE approvers (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    username TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'approver', 'auditor')),
    user_handle BYTEA NOT NULL UNIQUE, -- random; what a discoverable credential returns
    created_at BIGINT NOT NULL,
    activated_at BIGINT,              -- NULL decides nothing
    revoked_at BIGINT,
    UNIQUE (organisation_id, username)
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,               -- signed as the requester
    prefix TEXT NOT NULL,             -- shown to tell keys apart
    key_hash BYTEA NOT NULL UNIQUE,   -- SHA-256; the key itself is never stored
    scopes TEXT NOT NULL,             -- separated by spaces
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE invites (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    code_hash BYTEA NOT NULL UNIQUE,
    code_sealed BYTEA,                -- for the list of codes; NULL for the owner's link
    role TEXT NOT NULL,
    note TEXT,
    pinned_username TEXT,
    max_uses BIGINT NOT NULL CHECK (max_uses >= 1),
    uses BIGINT NOT NULL CHECK (uses >= 0 AND uses <= max_uses),
    enroller TEXT NOT NULL CHECK (enroller IN ('operator', 'api_key', 'member')),
    enroller_id TEXT,                 -- the API key or member that made it
    trusted BOOLEAN NOT NULL,         -- whoever registers with it is activated at once
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX invites_by_organisation ON invites (organisation_id, created_at);

CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    approver_id TEXT NOT NULL REFERENCES approvers (id),
    credential_id BYTEA NOT NULL UNIQUE, -- WebAuthn's
    public_key BYTEA NOT NULL,        -- COSE_Key
    public_key_spki BYTEA NOT NULL,   -- SubjectPublicKeyInfo, DER
    algorithm BIGINT NOT NULL,        -- COSE number
    sign_count BIGINT NOT NULL,
    backup_eligible BOOLEAN NOT NULL, -- fixed at registration
    backed_up BOOLEAN NOT NULL,
    transports TEXT NOT NULL,         -- separated by spaces
    aaguid TEXT NOT NULL,
    enroller TEXT NOT NULL,
    enroller_id TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    logged_at BIGINT,                 -- when its leaf was written; NULL while practice is awaited
    flagged_at BIGINT,                -- its sign counter went back: perhaps a clone
    revoked_at BIGINT
);
CREATE INDEX credentials_by_approver ON credentials (approver_id);
CREATE INDEX credentials_unlogged ON credentials (created_at) WHERE logged_at IS NULL;

-- An open passkey prompt other than an approval's. Reading one deletes it.
CREATE TABLE ceremonies (
    purpose TEXT NOT NULL,
    subject TEXT NOT NULL,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    challenge BYTEA NOT NULL,         -- 32 bytes
    user_handle BYTEA,                -- registration: the handle the new credential will carry
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, subject)
);
CREATE INDEX ceremonies_by_expiry ON ceremonies (expires_at);

CREATE TABLE confirmations (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    api_key_id TEXT NOT NULL REFERENCES api_keys (id),
    approver_id TEXT NOT NULL REFERENCES approvers (id),
    requester TEXT NOT NULL,          -- the API key's name when it asked, as signed
    action TEXT NOT NULL,
    payload TEXT NOT NULL,            -- canonical text, verbatim for ever
    payload_hash BYTEA NOT NULL,
    context TEXT NOT NULL,            -- what else an approval signs; verbatim, too
    reject_context TEXT NOT NULL,     -- what else a signed rejection signs
    risk TEXT NOT NULL CHECK (risk IN ('normal', 'high', 'critical')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    cancelled_at BIGINT,
    rejection_signed BOOLEAN,
    rejection_reason TEXT,
    evidence_id TEXT,                 -- opens the evidence, not the approval page
    consumed_at BIGINT,
    consumed_by TEXT,                 -- API key
    consume_token_hash BYTEA,
    outcome TEXT CHECK (outcome IN ('executed', 'failed', 'unknown')),
    outcome_note TEXT,
    outcome_at BIGINT,
    CHECK ((status = 'pending') = (decided_at IS NULL)),
    CHECK (consumed_at IS NULL OR status = 'approved'),
    CHECK (outcome IS NULL OR consumed_at IS NOT NULL)
);
CREATE UNIQUE INDEX confirmations_evidence ON confirmations (evidence_id)
    WHERE evidence_id IS NOT NULL;
CREATE INDEX confirmations_by_organisation ON confirmations (organisation_id, created_at, id);
CREATE INDEX confirmations_pending ON confirmations (expires_at) WHERE status = 'pending';

CREATE TABLE signatures (
    confirmation_id TEXT NOT NULL REFERENCES confirmations (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    approver_id TEXT NOT NULL REFERENCES approvers (id),
    credential_id TEXT NOT NULL REFERENCES credentials (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('approve', 'reject')),
    context_hash BYTEA NOT NULL,
    raw_assertion TEXT NOT NULL,      -- AuthenticationResponseJSON, as received
    assertion_hash BYTEA NOT NULL,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (confirmation_id, approver_id) -- an approver signs once
);

-- Leaves of the transparency log. Written with what they record; numbered by the sequencer.
CREATE TABLE leaves (
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    subject TEXT NOT NULL,            -- the confirmation or credential
    kind TEXT NOT NULL,
    entry BYTEA NOT NULL,             -- the leaf's public bytes, exactly
    opening TEXT NOT NULL,            -- what they commit to, exactly
    created_at BIGINT NOT NULL,
    leaf_index BIGINT,                -- NULL until sequenced
    PRIMARY KEY (subject, kind)
);
CREATE UNIQUE INDEX leaves_sequenced ON leaves (leaf_index) WHERE leaf_index IS NOT NULL;
CREATE INDEX leaves_pending ON leaves (created_at) WHERE leaf_index IS NULL;

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,             -- separated by spaces, with one before and one after
    secret_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,              -- constant over all attempts
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    confirmation_id TEXT NOT NULL REFERENCES confirmations (id),
    event TEXT NOT NULL CHECK (event IN ('approved', 'rejected', 'expired')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead_letter')),
    occurred_at BIGINT NOT NULL,
    next_attempt_at BIGINT,
    UNIQUE (webhook_id, confirmation_id, event)
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE status = 'pending';
