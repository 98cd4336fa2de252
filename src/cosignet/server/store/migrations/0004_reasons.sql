-- Saying why, after a rejection: only in the browser that rejected.

-- SHA-256 over the confirmation's id and that browser's secret; NULL: it had none.
ALTER TABLE confirmations ADD COLUMN rejected_in BYTEA;
