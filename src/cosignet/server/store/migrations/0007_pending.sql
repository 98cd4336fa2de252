-- How many wait for an approver, and how often they have said no: looked at before each insertion.

CREATE INDEX confirmations_waiting ON confirmations (approver_id, expires_at, api_key_id, status)
    WHERE status = 'pending'; -- named in it, too, so that SQLite needs nothing but the index
-- Signed ones only: anybody who has the link can reject unsigned.
CREATE INDEX confirmations_refused ON confirmations (approver_id, api_key_id, decided_at)
    WHERE status = 'rejected' AND rejection_signed;
