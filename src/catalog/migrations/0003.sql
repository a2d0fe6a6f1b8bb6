-- What the daemon does by itself: schedules, what it alerts about, what it still has to tell, and what it removed for now.

-- Where each schedule stands. What it is, the configuration says.
CREATE TABLE schedules (
    name                TEXT    PRIMARY KEY,
    -- The expression and the zone; empty while it is not configured. An edited schedule begins anew, at the moment of the
    -- edit.
    rule                TEXT    NOT NULL,
    -- Every time that it was due up to here has been decided on.
    considered_until_ms INTEGER NOT NULL,
    -- Who paused it, when and why; NULL while it runs.
    paused_json         TEXT,
    -- The last time that it was due and its job was enqueued.
    last_due_ms         INTEGER,
    -- Its last job, also when somebody asked for it.
    last_job_id         TEXT,
    -- Times that it was due and no job was enqueued, since the catalog began; and the last of them.
    skipped             INTEGER NOT NULL DEFAULT 0,
    last_skipped_ms     INTEGER,
    last_skipped_why    TEXT
) STRICT, WITHOUT ROWID;

-- A condition that fires from fired_at_ms until resolved_at_ms. There is one unresolved row for each key.
CREATE TABLE alerts (
    id                TEXT    PRIMARY KEY,
    -- What it is about, such as missing_backup/data.
    key               TEXT    NOT NULL,
    event             TEXT    NOT NULL,
    severity          TEXT    NOT NULL,
    message           TEXT    NOT NULL,
    next_step         TEXT    NOT NULL,
    fired_at_ms       INTEGER NOT NULL,
    reminded_at_ms    INTEGER,
    resolved_at_ms    INTEGER,
    -- Who acknowledged it, when and why.
    acknowledged_json TEXT
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX alerts_firing ON alerts (key) WHERE resolved_at_ms IS NULL;
CREATE INDEX alerts_by_time ON alerts (fired_at_ms);

-- Since when each source is configured: one that was never backed up is missing a backup some time after that.
CREATE TABLE known_sources (
    name     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (name, kind)
) STRICT, WITHOUT ROWID;

-- Notices on their way to one recipient each. At least once: a row is done when the other side took it.
CREATE TABLE outbox (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    -- email or webhook.
    channel            TEXT    NOT NULL,
    -- The address, or the webhook's name.
    recipient          TEXT    NOT NULL,
    notice_json        TEXT    NOT NULL,
    created_at_ms      INTEGER NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
    next_attempt_at_ms INTEGER NOT NULL,
    -- waiting, sent, given_up, or superseded by a later notice about the same thing.
    state              TEXT    NOT NULL,
    ended_at_ms        INTEGER,
    -- What the other side, or the way there, answered last.
    last_error         TEXT
) STRICT;

CREATE INDEX outbox_waiting ON outbox (next_attempt_at_ms) WHERE state = 'waiting';

-- Jobs whose end nobody was told of yet are looked at again after each job, each minute and at the start.
ALTER TABLE jobs ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET told = 1;
CREATE INDEX jobs_untold ON jobs (seq) WHERE told = 0 AND finished_at_ms IS NOT NULL;

-- When it was put into the trash; NULL outside of it.
ALTER TABLE backups ADD COLUMN trashed_at_ms INTEGER;
