//! `[[source]]`: which keys each kind has, and what they may be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::database_url::{DatabaseUrl, LONGEST_NAME};
use super::super::document::Document;
use super::super::problem::{Origin, Problems};
use super::super::reader::Reader;
use super::super::source::{FilesSettings, JsonSettings, PostgresSettings, Source, SourceSettings};
use super::super::value::{self, Parsed, absolute_path};
use crate::model::{SourceKind, SourceName};

/// The keys that only some kinds have, with these kinds.
const OF_SOME_KINDS: [(&str, &[SourceKind]); 9] = [
    ("path", &[SourceKind::Json, SourceKind::Files]),
    ("exclude", &[SourceKind::Json, SourceKind::Files]),
    ("one_file_system", &[SourceKind::Files]),
    ("url", &[SourceKind::Postgres]),
    ("restore_url", &[SourceKind::Postgres]),
    ("maintenance_db", &[SourceKind::Postgres]),
    ("run_as", &[SourceKind::Postgres]),
    ("include_roles", &[SourceKind::Postgres]),
    ("include_role_passwords", &[SourceKind::Postgres]),
];

/// Every source that can be used, and where the path or the URL of each was said.
pub(super) fn sources(document: &Document<'_>, problems: &mut Problems) -> (Vec<Source>, Vec<Origin>) {
    if document.list("source").is_none() {
        problems.add(Origin::File, "source", "nothing is configured to be backed up; add a [[source]] section");
    }
    let mut named: BTreeMap<SourceName, Origin> = BTreeMap::new();
    let mut sources = Vec::new();
    for fields in document.list("source").unwrap_or_default() {
        let mut reader = Reader::new(Some(fields), problems);
        let name = reader.required_text("name", "data", |text| SourceName::new(text).map_err(|e| e.to_string()));
        let settings = settings(&mut reader);
        let [rpo, rto] = ["rpo", "rto"].map(|key| reader.text(key, objective).flatten());
        let (Some(name), Some(settings)) = (name, settings) else { continue };
        let source = Source { name, settings, rpo, rto };
        let place = if source.kind() == SourceKind::Postgres { "url" } else { "path" };
        let (name_origin, place_origin) = (reader.origin("name"), reader.origin(place));
        if let Some(message) = name_trouble(&source, &named) {
            problems.add(name_origin, fields.key("name"), message);
            continue;
        }
        named.insert(source.name.clone(), name_origin);
        sources.push((source, place_origin));
    }
    sources.into_iter().unzip()
}

fn name_trouble(source: &Source, named: &BTreeMap<SourceName, Origin>) -> Option<String> {
    // What the archive itself is described by; a JSON source of that name would be a second member with the same path.
    const OWN_MEMBERS: [&str; 2] = ["metadata", "restore-point"];
    if let Some(Origin::Line(line)) = named.get(&source.name) {
        return Some(format!("the source of line {line} has this name; give each its own"));
    }
    let reserved = source.kind() == SourceKind::Json && OWN_MEMBERS.contains(&source.name.as_str());
    reserved.then(|| format!("'{}.json' describes the archive itself; choose another name", source.name))
}

fn settings(reader: &mut Reader<'_, '_>) -> Option<SourceSettings> {
    let kind = reader.required_text("type", "files", |text| {
        text.parse::<SourceKind>().map_err(|_| format!("'{text}' is none of: json, files, postgres"))
    });
    let Some(kind) = kind else {
        // A kind that is not known may do without a path; that it is missing would be a second message for one mistake.
        reader.text("path", absolute_path);
        return None;
    };
    for (key, kinds) in OF_SOME_KINDS.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        reader.refuse(key, &format!("belongs to sources of type {}; remove the line", kinds.join(" and ")));
    }
    match kind {
        SourceKind::Json => {
            let path = reader.required_text("path", "/srv/carelog/data/data.json", absolute_path);
            let exclude = reader.value("exclude", |v| value::list(v, json_exclusion)).unwrap_or_default();
            Some(SourceSettings::Json(JsonSettings { path: path?, exclude }))
        }
        SourceKind::Files => {
            let path = reader.required_text("path", "/srv/carelog/data", absolute_path);
            let exclude = reader.value("exclude", |v| value::list(v, path_pattern)).unwrap_or_default();
            let one_file_system = reader.value("one_file_system", value::boolean).unwrap_or(true);
            Some(SourceSettings::Files(FilesSettings { path: path?, exclude, one_file_system }))
        }
        SourceKind::Postgres => postgres(reader).map(SourceSettings::Postgres),
    }
}

fn postgres(reader: &mut Reader<'_, '_>) -> Option<PostgresSettings> {
    let url = reader.required_text("url", "postgresql:///clinic?host=/var/run/postgresql", database_url);
    let restore_url = reader.text("restore_url", |text| match text {
        "" => Ok(None),
        text => database_url(text).map(Some),
    });
    let settings = PostgresSettings {
        url: url?,
        restore_url: restore_url.flatten(),
        maintenance_db: reader.text("maintenance_db", database_name).unwrap_or_else(|| "postgres".to_owned()),
        run_as: reader.text("run_as", user_name).unwrap_or_else(|| "postgres".to_owned()),
        include_roles: reader.value("include_roles", value::boolean).unwrap_or(true),
        include_role_passwords: reader.value("include_role_passwords", value::boolean).unwrap_or(false),
    };
    let database = settings.url.database();
    if database == "template0" {
        reader.refuse("url", "names 'template0', to which nobody can connect; name the database of the application");
    }
    if settings.restore_url.as_ref().is_some_and(|restore| restore.database() != database) {
        reader.refuse("restore_url", &format!("names another database than url; let both name '{database}'"));
    }
    if settings.maintenance_db == database {
        let message = format!("'{database}' is what is backed up, and cannot be connected to while it is replaced");
        // The default may be what is wrong.
        let origin = reader.origin("maintenance_db");
        reader.report(origin, "maintenance_db", &format!("{message}; name another, for example \"template1\""));
    }
    if settings.include_role_passwords && !settings.include_roles {
        reader.refuse("include_role_passwords", "means nothing with include_roles = false; remove one of the two");
    }
    Some(settings)
}

/// Nothing is what `[objectives]` says.
fn objective(text: &str) -> Parsed<Option<Duration>> {
    if text.is_empty() { Ok(None) } else { value::positive_duration(text).map(Some) }
}

fn database_url(text: &str) -> Parsed<DatabaseUrl> {
    text.parse().map_err(|error: super::super::BadDatabaseUrl| error.to_string())
}

fn database_name(text: &str) -> Parsed<String> {
    if text.is_empty() || text.len() > LONGEST_NAME || text.contains('\0') {
        return Err(format!("names no database that can exist: a name has 1 to {LONGEST_NAME} bytes"));
    }
    Ok(text.to_owned())
}

fn user_name(text: &str) -> Parsed<String> {
    if text.is_empty() || text.contains('\0') {
        return Err("names no user of this system; leave it out for \"postgres\"".to_owned());
    }
    Ok(text.to_owned())
}

/// A top-level key, or a pointer: RFC 6901 allows `~` only as `~0` and `~1`.
fn json_exclusion(text: &str) -> Parsed<String> {
    if text.is_empty() {
        return Err("an empty text would leave out the whole file; name a member".to_owned());
    }
    let tilde_is_stray = |rest: &str| !rest.starts_with(['0', '1']);
    if text.starts_with('/') && text.split('~').skip(1).any(tilde_is_stray) {
        return Err(format!("'{text}' is no JSON pointer: write ~0 for ~ and ~1 for / within a name"));
    }
    Ok(text.to_owned())
}

fn path_pattern(text: &str) -> Parsed<String> {
    if text.is_empty() {
        return Err("an empty pattern matches nothing; remove it".to_owned());
    }
    globset::Glob::new(text).map(|_| text.to_owned()).map_err(|error| format!("is no pattern: {error}"))
}
