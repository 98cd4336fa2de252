-- Deliveries are forgotten some time after they have ended, and their attempts with them.

CREATE INDEX deliveries_ended ON deliveries (ended_at);

-- Anew, as no engine can change what becomes of a reference.
CREATE TABLE attempts_anew (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
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
INSERT INTO attempts_anew (delivery_id, number, organisation_id, started_at, duration_ms, status,
    error, request, response)
    SELECT delivery_id, number, organisation_id, started_at, duration_ms, status, error, request,
        response FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_anew RENAME TO attempts;
