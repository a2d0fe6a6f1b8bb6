-- Which other archives a restore point needs. Filled from what its own archive says, so that it is rebuilt with the rest.
-- A backup whose restore point is gone, and whose archive stays for others, needs nothing.

CREATE TABLE backup_archives (
    backup_id  TEXT    NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    -- No foreign key: after a rebuild from the store the archive may be gone, and what needs it has to say so.
    archive_id TEXT    NOT NULL,
    PRIMARY KEY (backup_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX backup_archives_by_archive ON backup_archives (archive_id, backup_id);
