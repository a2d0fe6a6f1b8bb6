//! Which backups are kept, and why.

use carelog_rpc::{PlannedBackup, PrunePlan};

use crate::output::table::{Look, Tone, cell, number, toned};
use crate::output::text::{clean, count, short_id, size};

/// The document of a plan.
#[derive(Debug, serde::Serialize)]
pub(crate) struct ShownPlan<'p> {
    /// What it comes to.
    #[serde(flatten)]
    pub(crate) plan: &'p PrunePlan,
    /// What becomes of each backup, newest first.
    pub(crate) backups: &'p [PlannedBackup],
}

/// The plan, with those `backups` of it that are to be shown.
pub(crate) fn plan(plan: &PrunePlan, backups: &[PlannedBackup], look: &Look) -> String {
    let mut parts = Vec::new();
    if !backups.is_empty() {
        let header = ["BACKUP", "CREATED", "SIZE", "FATE", "WHY"];
        let rows = backups.iter().map(|backup| {
            let fate = if backup.expires { toned("expires", Tone::Doubtful) } else { toned("stays", Tone::Good) };
            vec![
                cell(short_id(&backup.id)),
                cell(look.at(backup.created_at)),
                number(size(backup.size_bytes)),
                fate,
                cell(backup.reasons.join(", ")),
            ]
        });
        parts.push(look.table(&header, rows));
    }
    let mut lines: Vec<String> = plan.notes.iter().map(|note| format!("note: {}", clean(note))).collect();
    lines.push(format!(
        "{}, {}; {} become free when the trash is emptied",
        expire(plan.expired),
        stay(plan.kept),
        size(plan.freed_bytes)
    ));
    parts.push(lines.join("\n"));
    parts.join("\n\n")
}

fn expire(backups: u64) -> String {
    let verb = if backups == 1 { "expires" } else { "expire" };
    format!("{} {verb}", count(backups, "backup"))
}

fn stay(backups: u64) -> String {
    let verb = if backups == 1 { "stays" } else { "stay" };
    format!("{backups} {verb}")
}
