//! From known keys to typed values: defaults, the environment, and what one key alone can get wrong.
//!
//! A bad value is reported and the default stands in for it, so that the rest of the file is still looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::Config;
use super::access::{Access, Principal};
use super::document::{Document, Fields};
use super::environment::{self, Lookup};
use super::hooks::{self, Hooks};
use super::problem::{Origin, Problems};
use super::reader::Reader;
use super::settings::{Backup, Compression, Daemon, MinFree, Objectives};
use super::source::{FilesSettings, JsonSettings, Source, SourceSettings};
use super::value::{self, Parsed, absolute_path};
use crate::model::{SourceKind, SourceName};

/// A configuration that is still to be checked as a whole, with the places of the values that the check talks about.
pub(super) struct Draft {
    pub(super) config: Config,
    /// Where `backup.dir` was said.
    pub(super) backup_dir: Origin,
    /// Where the path of each source was said, in the order of the sources.
    pub(super) source_paths: Vec<Origin>,
}

/// Decodes every section of `document`.
pub(super) fn draft(file: &Path, document: &Document<'_>, environment: &Lookup<'_>, problems: &mut Problems) -> Draft {
    let daemon = daemon(&mut Reader::new(document.table("daemon"), problems));
    let (backup, backup_dir) = backup(document.table("backup"), environment, problems);
    let objectives = objectives(&mut Reader::new(document.table("objectives"), problems));
    let hooks = hooks(&mut Reader::new(document.table("hooks"), problems));
    let access = access(&mut Reader::new(document.table("access"), problems));
    let (sources, source_paths) = sources(document, problems);
    let config = Config { file: file.to_owned(), daemon, backup, sources, objectives, hooks, access };
    Draft { config, backup_dir, source_paths }
}

fn daemon(reader: &mut Reader<'_, '_>) -> Daemon {
    let default = Daemon::default();
    Daemon {
        state_dir: reader.text("state_dir", absolute_path).unwrap_or(default.state_dir),
        socket: reader.text("socket", socket_path).unwrap_or(default.socket),
        timezone: reader.text("timezone", value::timezone).unwrap_or(default.timezone),
    }
}

fn socket_path(text: &str) -> Parsed<PathBuf> {
    /// `sun_path` of unix(7) is 108 bytes with its NUL.
    const LONGEST: usize = 107;
    if text.len() > LONGEST {
        return Err(format!("is {} bytes long, a socket's path may have {LONGEST}; choose a shorter one", text.len()));
    }
    absolute_path(text)
}

fn backup(fields: Option<&Fields<'_>>, environment: &Lookup<'_>, problems: &mut Problems) -> (Backup, Origin) {
    let default = Backup::default();
    let mut reader = Reader::new(fields, problems);
    let file_dir = reader.text("dir", absolute_path).unwrap_or(default.dir);
    let (dir, dir_origin) = match reader.environment(environment, environment::BACKUP_DIR, absolute_path) {
        Some(dir) => (dir, Origin::Environment(environment::BACKUP_DIR)),
        None => (file_dir, reader.origin("dir")),
    };
    let backup = Backup {
        dir,
        compression: compression(&mut reader, environment),
        threads: reader.value("threads", |v| value::integer(v, 0, 1024)).map_or(default.threads, usize::from),
        min_free: reader.value("min_free", min_free).unwrap_or(default.min_free),
        keep_replaced: reader.text("keep_replaced", value::duration).unwrap_or(default.keep_replaced),
    };
    (backup, dir_origin)
}

fn min_free(found: &DeValue<'_>) -> Parsed<MinFree> {
    value::text(found, value::min_free)
}

/// The kind decides which levels there are, so that both are read here.
fn compression(reader: &mut Reader<'_, '_>, environment: &Lookup<'_>) -> Compression {
    let build: fn(u8) -> Compression = match reader.text("compression", compression_kind).unwrap_or(Kind::Zstd) {
        Kind::Zstd => |level| Compression::Zstd { level },
        Kind::Gzip => |level| Compression::Gzip { level },
        Kind::None => |_| Compression::None,
    };
    let highest = match build(1) {
        Compression::Zstd { .. } => Some(19),
        Compression::Gzip { .. } => Some(9),
        Compression::None => None,
    };
    let fits = |parsed: Parsed<u16>| match (parsed, highest) {
        (_, None) => Err("means nothing with compression = \"none\"; remove it".to_owned()),
        (parsed, Some(_)) => parsed.and_then(|level| u8::try_from(level).map_err(|error| error.to_string())),
    };
    let most = highest.unwrap_or(u16::MAX);
    let from_file = reader.value("compression_level", |v| fits(value::integer(v, 1, most)));
    let variable = environment::BACKUP_COMPRESSION_LEVEL;
    let from_environment = reader.environment(environment, variable, |text| fits(value::integer_text(text, 1, most)));
    build(from_environment.or(from_file).unwrap_or(Compression::DEFAULT_LEVEL))
}

enum Kind {
    Zstd,
    Gzip,
    None,
}

fn compression_kind(text: &str) -> Parsed<Kind> {
    match text {
        "zstd" => Ok(Kind::Zstd),
        "gzip" => Ok(Kind::Gzip),
        "none" => Ok(Kind::None),
        other => Err(format!("'{other}' is none of: zstd, gzip, none")),
    }
}

fn objectives(reader: &mut Reader<'_, '_>) -> Objectives {
    let default = Objectives::default();
    Objectives {
        rpo: reader.text("rpo", value::positive_duration).unwrap_or(default.rpo),
        rto: reader.text("rto", value::positive_duration).unwrap_or(default.rto),
    }
}

fn hooks(reader: &mut Reader<'_, '_>) -> Hooks {
    let mut hook = |key: &str| reader.value(key, hooks::hook).flatten();
    let hooks = Hooks {
        before_backup: hook("before_backup"),
        after_backup: hook("after_backup"),
        stop_application: hook("stop_application"),
        start_application: hook("start_application"),
        after_restore: hook("after_restore"),
        probes: reader.value("probe", hooks::probes).unwrap_or_default(),
    };
    match (&hooks.stop_application, &hooks.start_application) {
        (Some(_), None) => reader.refuse("stop_application", "needs start_application, or it would stay stopped"),
        (None, Some(_)) => reader.refuse("start_application", "needs stop_application, or it would start what runs"),
        (None, None) if !hooks.probes.is_empty() => {
            reader.refuse("probe", "needs stop_application and start_application: nothing else starts what is probed");
        }
        _ => {}
    }
    hooks
}

fn access(reader: &mut Reader<'_, '_>) -> Access {
    let default = Access::default();
    let mut list = |key: &str| reader.value(key, |v| value::list(v, Principal::parse));
    Access {
        admin: list("admin").unwrap_or(default.admin),
        operator: list("operator").unwrap_or(default.operator),
        viewer: list("viewer").unwrap_or(default.viewer),
    }
}

fn sources(document: &Document<'_>, problems: &mut Problems) -> (Vec<Source>, Vec<Origin>) {
    if !document.mentions_sources() {
        problems.add(Origin::File, "source", "nothing is configured to be backed up; add a [[source]] section");
    }
    let mut named: BTreeMap<SourceName, Origin> = BTreeMap::new();
    let mut sources = Vec::new();
    for fields in document.sources() {
        let mut reader = Reader::new(Some(fields), problems);
        let name = reader.required_text("name", "data", |text| SourceName::new(text).map_err(|e| e.to_string()));
        let settings = source_settings(&mut reader);
        let (Some(name), Some(settings)) = (name, settings) else { continue };
        let source = Source { name, settings };
        let (name_origin, path_origin) = (reader.origin("name"), reader.origin("path"));
        if let Some(message) = name_trouble(&source, &named) {
            problems.add(name_origin, fields.key("name"), message);
            continue;
        }
        named.insert(source.name.clone(), name_origin);
        sources.push((source, path_origin));
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

fn source_settings(reader: &mut Reader<'_, '_>) -> Option<SourceSettings> {
    let kind = reader.required_text("type", "files", |text| match text.parse() {
        Ok(SourceKind::Postgres) => {
            Err("'postgres' is not supported by this version yet; remove the source".to_owned())
        }
        Ok(kind) => Ok(kind),
        Err(_) => Err(format!("'{text}' is none of: json, files")),
    });
    // A kind that is not known may do without a path; that it is missing would be a second message for one mistake.
    let path = match kind {
        Some(_) => reader.required_text("path", "/srv/carelog/data", absolute_path),
        None => reader.text("path", absolute_path),
    };
    match kind? {
        SourceKind::Json => {
            let exclude = reader.value("exclude", |v| value::list(v, json_exclusion)).unwrap_or_default();
            reader.refuse("one_file_system", "belongs to sources of type \"files\"; remove the line");
            Some(SourceSettings::Json(JsonSettings { path: path?, exclude }))
        }
        SourceKind::Files => {
            let exclude = reader.value("exclude", |v| value::list(v, path_pattern)).unwrap_or_default();
            let one_file_system = reader.value("one_file_system", value::boolean).unwrap_or(true);
            Some(SourceSettings::Files(FilesSettings { path: path?, exclude, one_file_system }))
        }
        SourceKind::Postgres => None,
    }
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
