//! From known keys to typed values: defaults, the environment, and what one key alone can get wrong.
//!
//! A bad value is reported and the default stands in for it, so that the rest of the file is still looked at.

mod alerts;
mod email;
mod retention;
mod schedule;
mod source;
mod webhook;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::Config;
use super::access::{Access, Principal};
use super::document::{Document, Fields};
use super::environment::{self, Lookup};
use super::hooks::{self, Hooks};
use super::problem::{Origin, Problems};
use super::reader::Reader;
use super::settings::{Backup, Compression, Daemon, MinFree, Objectives};
use super::value::{self, Parsed, absolute_path};

/// A configuration that is still to be checked as a whole, with the places of the values that the check talks about.
pub(super) struct Draft {
    pub(super) config: Config,
    /// Where `backup.dir` was said.
    pub(super) backup_dir: Origin,
    /// Where the path or the URL of each source was said, in the order of the sources.
    pub(super) source_places: Vec<Origin>,
}

/// Decodes every section of `document`.
pub(super) fn draft(file: &Path, document: &Document<'_>, environment: &Lookup<'_>, problems: &mut Problems) -> Draft {
    let daemon = daemon(&mut Reader::new(document.table("daemon"), problems));
    let (backup, backup_dir) = backup(document.table("backup"), environment, problems);
    let objectives = objectives(&mut Reader::new(document.table("objectives"), problems));
    let hooks = hooks(&mut Reader::new(document.table("hooks"), problems));
    let access = access(&mut Reader::new(document.table("access"), problems));
    let (sources, source_places) = source::sources(document, problems);
    let config = Config {
        file: file.to_owned(),
        schedules: schedule::schedules(document, &daemon.timezone, &sources, problems),
        retention: retention::retention(document.table("retention"), environment, problems),
        alerts: alerts::alerts(&mut Reader::new(document.table("alerts"), problems)),
        email: email::email(document.table("email"), environment, problems),
        webhooks: webhook::webhooks(document, problems),
        daemon,
        backup,
        sources,
        objectives,
        hooks,
        access,
    };
    Draft { config, backup_dir, source_places }
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
        full_every: reader.text("full_every", full_every).unwrap_or(default.full_every),
        keep_replaced: reader.text("keep_replaced", value::duration).unwrap_or(default.keep_replaced),
    };
    (backup, dir_origin)
}

fn min_free(found: &DeValue<'_>) -> Parsed<MinFree> {
    value::text(found, value::min_free)
}

fn full_every(text: &str) -> Parsed<Option<Duration>> {
    if text == "never" {
        return Ok(None);
    }
    let parsed = value::positive_duration(text).map(Some);
    parsed.map_err(|_| format!("'{text}' is neither \"never\" nor a duration such as \"30d\""))
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
