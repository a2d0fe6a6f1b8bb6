//! Backups as rows.

use rusqlite::{Connection, Row, named_params};

use super::BackupRecord;
use crate::archive::SourceSummary;
use crate::catalog::CatalogError;
use crate::catalog::column::{int, json, ms, size, time, time_or_null, word, word_or_null};

/// Adds `backup` with its sources, as part of a transaction.
pub(in crate::catalog) fn insert(tx: &Connection, backup: &BackupRecord) -> Result<(), CatalogError> {
    let sql = "INSERT INTO backups (id, filename, class, scope, mode, parent_id, created_at_ms, finished_at_ms,
            size_bytes, raw_bytes, new_bytes, files, sha256, description, requested_by_json, verified_at_ms,
            verify_result, holds_json, state, job_id)
        VALUES (:id, :filename, :class, :scope, :mode, :parent_id, :created_at, :finished_at,
            :size_bytes, :raw_bytes, :new_bytes, :files, :sha256, :description, :requested_by, :verified_at,
            :verify_result, :holds, :state, :job_id)";
    tx.prepare_cached(sql)?.execute(named_params! {
        ":id": backup.id.to_string(),
        ":filename": backup.filename,
        ":class": backup.class.as_str(),
        ":scope": backup.scope.as_str(),
        ":mode": backup.mode.as_str(),
        ":parent_id": backup.parent_id.map(|id| id.to_string()),
        ":created_at": ms(backup.created_at),
        ":finished_at": ms(backup.finished_at),
        ":size_bytes": int(backup.size_bytes),
        ":raw_bytes": int(backup.raw_bytes),
        ":new_bytes": int(backup.new_bytes),
        ":files": int(backup.files),
        ":sha256": backup.sha256.map(|digest| digest.to_string()),
        ":description": backup.description,
        ":requested_by": serde_json::to_string(&backup.requested_by)?,
        ":verified_at": backup.verified_at.map(ms),
        ":verify_result": backup.verify_result.map(|result| result.as_str()),
        ":holds": serde_json::to_string(&backup.holds)?,
        ":state": backup.state.as_str(),
        ":job_id": backup.job_id.map(|id| id.to_string()),
    })?;
    let sql =
        "INSERT INTO backup_sources (backup_id, position, name, kind, size_bytes, files, counts_json, warnings_json)
        VALUES (:backup_id, :position, :name, :kind, :size_bytes, :files, :counts, :warnings)";
    let mut statement = tx.prepare_cached(sql)?;
    for (position, source) in (0_i64..).zip(&backup.sources) {
        statement.execute(named_params! {
            ":backup_id": backup.id.to_string(),
            ":position": position,
            ":name": source.name.as_str(),
            ":kind": source.kind.as_str(),
            ":size_bytes": int(source.size_bytes),
            ":files": int(source.files),
            ":counts": serde_json::to_string(&source.counts)?,
            ":warnings": serde_json::to_string(&source.warnings)?,
        })?;
    }
    let mut statement = tx.prepare_cached("INSERT INTO backup_archives VALUES (?1, ?2, ?3)")?;
    for (position, archive) in (0_i64..).zip(&backup.needs) {
        statement.execute((backup.id.to_string(), position, archive.to_string()))?;
    }
    Ok(())
}

/// A backup without its sources and the archives that it needs.
pub(super) fn backup_in(row: &Row<'_>) -> rusqlite::Result<BackupRecord> {
    Ok(BackupRecord {
        id: word(row, "id")?,
        filename: row.get("filename")?,
        class: word(row, "class")?,
        scope: word(row, "scope")?,
        mode: word(row, "mode")?,
        parent_id: word_or_null(row, "parent_id")?,
        needs: Vec::new(),
        created_at: time(row, "created_at_ms")?,
        finished_at: time(row, "finished_at_ms")?,
        size_bytes: size(row, "size_bytes")?,
        raw_bytes: size(row, "raw_bytes")?,
        new_bytes: size(row, "new_bytes")?,
        files: size(row, "files")?,
        sha256: word_or_null(row, "sha256")?,
        description: row.get("description")?,
        sources: Vec::new(),
        requested_by: json(row, "requested_by_json")?,
        verified_at: time_or_null(row, "verified_at_ms")?,
        verify_result: word_or_null(row, "verify_result")?,
        holds: json(row, "holds_json")?,
        state: word(row, "state")?,
        job_id: word_or_null(row, "job_id")?,
    })
}

/// Reads the backup's sources and the archives that it needs into it.
pub(super) fn add_details(db: &Connection, backup: &mut BackupRecord) -> rusqlite::Result<()> {
    let mut statement =
        db.prepare_cached("SELECT archive_id FROM backup_archives WHERE backup_id = ?1 ORDER BY position")?;
    let needs = statement.query_map([backup.id.to_string()], |row| word(row, "archive_id"))?;
    backup.needs = needs.collect::<Result<_, _>>()?;
    add_sources(db, backup)
}

/// Reads the backup's sources into it.
pub(super) fn add_sources(db: &Connection, backup: &mut BackupRecord) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached("SELECT * FROM backup_sources WHERE backup_id = ?1 ORDER BY position")?;
    backup.sources = statement.query_map([backup.id.to_string()], source_in)?.collect::<Result<_, _>>()?;
    Ok(())
}

fn source_in(row: &Row<'_>) -> rusqlite::Result<SourceSummary> {
    Ok(SourceSummary {
        name: word(row, "name")?,
        kind: word(row, "kind")?,
        size_bytes: size(row, "size_bytes")?,
        files: size(row, "files")?,
        counts: json(row, "counts_json")?,
        warnings: json(row, "warnings_json")?,
    })
}
