//! Backups: the list, and all about one.

use carelog_rpc::{Backup, BackupState, VerifyResult};

use crate::output::table::{Look, Tone, cell, number, toned};
use crate::output::text::{age, count, short_id, size};

/// The document of a list.
#[derive(Debug, serde::Serialize)]
pub(crate) struct BackupList {
    /// Newest first.
    pub(crate) backups: Vec<Backup>,
}

/// A table of backups.
pub(crate) fn table(backups: &[Backup], look: &Look) -> String {
    if backups.is_empty() {
        return "no backups".to_owned();
    }
    let header = [
        "BACKUP",
        "CREATED",
        "AGE",
        "CLASS",
        "MODE",
        "SOURCES",
        "FILES",
        "SIZE",
        "NEEDS",
        "NEEDED BY",
        "VERIFIED",
        "STATE",
        "DESCRIPTION",
    ];
    look.table(
        &header,
        backups.iter().map(|backup| {
            vec![
                cell(short_id(&backup.id)),
                cell(look.at(backup.created_at)),
                cell(age(backup.created_at, look.now)),
                cell(backup.class.as_str()),
                cell(backup.mode.as_str()),
                cell(source_names(backup)),
                number(backup.files.to_string()),
                number(size(backup.size_bytes)),
                number(how_many(&backup.needs, backup.needs_omitted)),
                number(how_many(&backup.needed_by, backup.needed_by_omitted)),
                verified(backup, look),
                toned(state(backup), tone(backup.state)),
                cell(&backup.description),
            ]
        }),
    )
}

/// All about one backup.
pub(crate) fn details(backup: &Backup, look: &Look) -> String {
    let mut fields = vec![
        ("id", backup.id.clone()),
        ("file", backup.filename.clone()),
        ("state", state(backup)),
        ("class", backup.class.to_string()),
        ("scope", backup.scope.to_string()),
        ("mode", backup.mode.to_string()),
        ("created", look.at_and_age(backup.created_at)),
        (
            "size",
            format!(
                "{} ({} of content, of which {} are in this archive)",
                size(backup.size_bytes),
                size(backup.raw_bytes),
                size(backup.new_bytes)
            ),
        ),
        ("files", backup.files.to_string()),
        ("requested by", requester(&backup.requested_by)),
        ("description", backup.description.clone()),
        ("verified", verification(backup, look)),
    ];
    fields.extend(backup.parent_id.clone().map(|parent| ("parent", parent)));
    fields.extend(others("needs", &backup.needs, backup.needs_omitted));
    fields.extend(others("needed by", &backup.needed_by, backup.needed_by_omitted));
    fields.extend(backup.checksum.iter().map(|sum| ("checksum", format!("{} {}", sum.algorithm, sum.value))));
    fields.extend(backup.job_id.clone().map(|job| ("job", job)));
    fields.extend(backup.holds.iter().map(|hold| {
        let until =
            hold.until.map_or_else(|| "until it is released".to_owned(), |end| format!("until {}", look.at(end)));
        ("hold", format!("{} (by {}, {until})", hold.reason, hold.placed_by))
    }));
    let mut text = look.fields(fields) + "\n\n" + &sources(backup, look);
    for source in &backup.sources {
        for warning in &source.warnings {
            text += &format!("\nwarning: {}: {}", source.name, crate::output::text::clean(warning));
        }
        if source.warnings_omitted > 0 {
            text += &format!("\nwarning: {}: and {} more", source.name, source.warnings_omitted);
        }
    }
    text
}

fn sources(backup: &Backup, look: &Look) -> String {
    look.table(
        &["SOURCE", "KIND", "SIZE", "FILES", "WARNINGS", "COUNTS"],
        backup.sources.iter().map(|source| {
            let warnings = source.warnings.len() as u64 + source.warnings_omitted;
            let counts: Vec<String> = source.counts.iter().map(|(name, number)| format!("{name} {number}")).collect();
            vec![
                cell(&source.name),
                cell(source.kind.as_str()),
                number(size(source.size_bytes)),
                number(source.files.to_string()),
                toned(warnings.to_string(), if warnings > 0 { Tone::Doubtful } else { Tone::Plain }),
                cell(counts.join(", ")),
            ]
        }),
    )
}

/// How many others, `-` for none.
fn how_many(others: &[String], omitted: u64) -> String {
    if others.is_empty() { "-".to_owned() } else { (others.len() as u64 + omitted).to_string() }
}

/// One line for each of the others, and one for the rest.
fn others<'a>(
    label: &'static str,
    named: &'a [String],
    omitted: u64,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let rest = (omitted > 0).then(|| format!("and {omitted} more"));
    named.iter().cloned().chain(rest).map(move |line| (label, line))
}

/// `data, studies`.
pub(crate) fn source_names(backup: &Backup) -> String {
    let names: Vec<&str> = backup.sources.iter().map(|source| source.name.as_str()).collect();
    names.join(", ")
}

/// `alice (for bob)`.
pub(crate) fn requester(who: &carelog_rpc::Requester) -> String {
    match &who.on_behalf_of {
        Some(person) => format!("{} (for {person}), by {}", who.user, who.via),
        None => format!("{}, by {}", who.user, who.via),
    }
}

fn state(backup: &Backup) -> String {
    if backup.holds.is_empty() {
        backup.state.to_string()
    } else {
        format!("{}, {}", backup.state, count(backup.holds.len() as u64, "hold"))
    }
}

const fn tone(state: BackupState) -> Tone {
    match state {
        BackupState::Available => Tone::Good,
        BackupState::Retained | BackupState::Expired | BackupState::Trashed => Tone::Plain,
        BackupState::Missing | BackupState::Corrupt => Tone::Bad,
    }
}

fn verified(backup: &Backup, look: &Look) -> comfy_table::Cell {
    match (backup.verify_result, backup.verified_at) {
        (Some(VerifyResult::Failed), _) => toned("damaged", Tone::Bad),
        (Some(VerifyResult::Passed), Some(at)) => cell(age(at, look.now)),
        _ => cell("-"),
    }
}

fn verification(backup: &Backup, look: &Look) -> String {
    match (backup.verify_result, backup.verified_at) {
        (Some(result), Some(at)) => format!("{result}, {}", look.at_and_age(at)),
        _ => "never (carelogctl verify)".to_owned(),
    }
}
