-- In which order backups were taken, whatever the clock said; and where they come from.

-- Grows with every backup that is taken: its time, or one more than the largest so far where the clock was set back. One
-- that was found in the store has the time that it tells, or 0 when that is in the future.
ALTER TABLE backups ADD COLUMN order_ms INTEGER NOT NULL DEFAULT 0;
UPDATE backups SET order_ms = iif(created_at_ms > (unixepoch() + 300) * 1000, 0, created_at_ms);
CREATE INDEX backups_by_order ON backups (order_ms);

-- The host and the places of the sources when it was taken; NULL where that was not written down.
ALTER TABLE backups ADD COLUMN origin_json TEXT;
