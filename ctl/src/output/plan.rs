//! What a backup or a restore would do, in the words of its dry run.

use carelog_rpc::{BackupPlan, Change, Mode, Octets, RestoreMethod, RestorePlan, RestoreSource};

use crate::output::backup::source_names;
use crate::output::table::{Look, cell, number, optional};
use crate::output::text::{clean, count, short_id, size, span};

/// What a backup would do.
pub(crate) fn backup(plan: &BackupPlan, look: &Look) -> String {
    let table = look.table(
        &["SOURCE", "KIND", "FROM", "FILES", "SIZE"],
        plan.sources.iter().map(|source| {
            vec![
                cell(&source.name),
                cell(source.kind.as_str()),
                cell(source.location.to_string()),
                optional(source.files.map(|files| files.to_string())),
                optional(source.size_bytes.map(size)),
            ]
        }),
    );
    let mut lines = vec![
        format!("would take {} backup (scope {}) into {}", kind(plan), plan.scope, clean(&plan.store_dir.to_string())),
        String::new(),
        table,
        String::new(),
        format!("space: about {} needed, {} free", size(plan.needed_bytes), size(plan.free_bytes)),
    ];
    for source in &plan.sources {
        lines.extend(source.notes.iter().map(|note| format!("note: {}: {}", source.name, clean(note))));
    }
    lines.extend(plan.notes.iter().map(|note| format!("note: {}", clean(note))));
    lines.join("\n")
}

fn kind(plan: &BackupPlan) -> String {
    match (plan.mode, &plan.parent_id) {
        (Mode::Full, _) => "a full".to_owned(),
        (Mode::Incremental, None) => "an incremental".to_owned(),
        (Mode::Incremental, Some(parent)) => format!("an incremental (on {})", short_id(parent)),
    }
}

/// What a restore would do; of the members `paths`, or of everything where there are none.
pub(crate) fn restore(plan: &RestorePlan, paths: &[Octets], look: &Look) -> String {
    let from = &plan.backup;
    let (filename, created) = (clean(&from.filename), look.at_and_age(from.created_at));
    let mut lines = vec![match &plan.undoes {
        Some(job) => format!("bring back what job {} replaced, as {filename} ({created}) has it", clean(job)),
        None => format!("restore from {filename} ({created}), which holds {}", source_names(from)),
    }];
    lines.extend(paths.iter().map(|path| format!("only {}", clean(&path.to_string()))));
    lines.extend([String::new(), sources(plan, look), String::new()]);
    for source in &plan.sources {
        lines.extend(source.notes.iter().map(|note| format!("note: {}: {}", source.name, clean(note))));
    }
    lines.push(if plan.safety_backup {
        "safety backup: of everything that is replaced, before it is replaced".to_owned()
    } else {
        "safety backup: none is needed, nothing live is touched".to_owned()
    });
    lines.extend(plan.unsaved.iter().map(|lost| format!("cannot be saved first: {}", clean(lost))));
    lines.extend(plan.damage.iter().map(|what| format!("damaged in the backup: {}", clean(what))));
    let free = plan.free_bytes.map_or_else(|| "unknown".to_owned(), size);
    lines.push(format!("space: about {} needed, {free} free", size(plan.needed_bytes)));
    lines.extend(plan.estimate_seconds.map(|seconds| format!("time: about {}", span(seconds))));
    lines.extend(plan.instructions.iter().map(|step| format!("to do: {}", clean(step))));
    lines.join("\n")
}

fn sources(plan: &RestorePlan, look: &Look) -> String {
    look.table(
        &["SOURCE", "KIND", "TO", "HOW", "ADDED", "CHANGED", "REMOVED"],
        plan.sources.iter().map(|source| {
            vec![
                cell(&source.name),
                cell(source.kind.as_str()),
                cell(source.destination.to_string()),
                cell(source.method.as_str().replace('_', " ")),
                number(change(source, source.added)),
                number(changed(source)),
                number(change(source, source.removed)),
            ]
        }),
    )
}

/// Whether their rows differ nobody has looked.
fn changed(source: &RestoreSource) -> String {
    match (source.changed.files, source.method) {
        (1.., RestoreMethod::RenameDatabase) => format!("{} replaced", change(source, source.changed)),
        _ => change(source, source.changed),
    }
}

fn change(source: &RestoreSource, change: Change) -> String {
    match (change.files, source.method) {
        (0, _) => "-".to_owned(),
        // How large each of them is nobody knows before.
        (tables, RestoreMethod::RenameDatabase) => count(tables, "table"),
        (files, _) => format!("{}, {}", count(files, "file"), size(change.bytes)),
    }
}
