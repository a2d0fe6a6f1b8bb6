-- Times are milliseconds since 1970 UTC (_ms), sizes are bytes (_bytes), ids are hyphenated UUIDv7, so that they sort by
-- the time they were made. Columns named *_json hold texts of serde_json.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT    NOT NULL UNIQUE,
    kind              TEXT    NOT NULL,
    lane              TEXT    NOT NULL,
    state             TEXT    NOT NULL,
    priority          INTEGER NOT NULL,
    spec_json         TEXT    NOT NULL,
    requested_by_json TEXT    NOT NULL,
    requested_at_ms   INTEGER NOT NULL,
    started_at_ms     INTEGER,
    finished_at_ms    INTEGER,
    phases_json       TEXT    NOT NULL DEFAULT '[]',
    outcome_json      TEXT
) STRICT;

CREATE INDEX jobs_waiting ON jobs (lane, priority DESC, seq) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (seq) WHERE state = 'running';

CREATE TABLE backups (
    id                TEXT    PRIMARY KEY,
    filename          TEXT    NOT NULL UNIQUE,
    class             TEXT    NOT NULL,
    scope             TEXT    NOT NULL,
    mode              TEXT    NOT NULL,
    parent_id         TEXT,
    created_at_ms     INTEGER NOT NULL,
    finished_at_ms    INTEGER NOT NULL,
    size_bytes        INTEGER NOT NULL,
    raw_bytes         INTEGER NOT NULL,
    new_bytes         INTEGER NOT NULL,
    files             INTEGER NOT NULL,
    sha256            TEXT,
    description       TEXT    NOT NULL,
    requested_by_json TEXT    NOT NULL,
    verified_at_ms    INTEGER,
    verify_result     TEXT,
    holds_json        TEXT    NOT NULL DEFAULT '[]',
    state             TEXT    NOT NULL,
    -- Neither this nor parent_id is a foreign key: after a rebuild from the store the other row may be gone.
    job_id            TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX backups_by_time ON backups (created_at_ms);

CREATE TABLE backup_sources (
    backup_id     TEXT    NOT NULL REFERENCES backups (id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    size_bytes    INTEGER NOT NULL,
    files         INTEGER NOT NULL,
    counts_json   TEXT    NOT NULL,
    warnings_json TEXT    NOT NULL,
    PRIMARY KEY (backup_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX backup_sources_by_name ON backup_sources (name, backup_id);

CREATE TABLE audit (
    seq             INTEGER PRIMARY KEY,
    time_ms         INTEGER NOT NULL,
    user            TEXT    NOT NULL,
    uid             INTEGER,
    login_uid       INTEGER,
    via             TEXT    NOT NULL,
    on_behalf_of    TEXT,
    action          TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    parameters_json TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    prev            TEXT    NOT NULL,
    hash            TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_time ON audit (time_ms);

-- The end of the chain, beside the chain: records that vanish from its end are missed.
CREATE TABLE audit_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;

INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TRIGGER audit_is_appended_in_order BEFORE INSERT ON audit
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
