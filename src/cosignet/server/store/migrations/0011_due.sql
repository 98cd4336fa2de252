-- What is due is found by an index that serves nothing else. PostgreSQL, while a table was small,
-- took the one before for a way to what waits for one approver, too, and kept that plan: then each
-- creation read everything that waited for anybody.

DROP INDEX confirmations_pending;
CREATE INDEX confirmations_due ON confirmations (expires_at) WHERE decided_at IS NULL;
