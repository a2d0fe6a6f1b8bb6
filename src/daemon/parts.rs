//! The configuration turned into what jobs and server work with.

use std::sync::Arc;

use crate::alerts::Ways;
use crate::archive::Codec;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{self, Compression, Config, PostgresSettings, SourceSettings};
use crate::job::{Parts, Restores, Settings};
use crate::server::Policy;
use crate::source::postgres::{Connection, Postgres, PostgresOptions};
use crate::source::{FileTree, FileTreeOptions, JsonFile, SeenFolder, Source, SourceError};
use crate::store::{Leases, Store};

pub(super) fn build(
    config: &Config,
    catalog: Catalog,
    store: Arc<dyn Store>,
    clock: Clock,
) -> Result<Parts, SourceError> {
    let (sources, settings) = (sources(config, &clock)?, settings(config));
    let restores = Restores::new(&config.daemon.state_dir, clock.clone());
    let seen = SeenFolder::new(&config.daemon.state_dir, clock.clone());
    Ok(Parts { catalog, store, leases: Leases::default(), clock, sources, seen, restores, settings })
}

/// The same parts with what another configuration says.
pub(super) fn rebuild(parts: &Parts, config: &Config) -> Result<Parts, SourceError> {
    Ok(Parts { sources: sources(config, &parts.clock)?, settings: settings(config), ..parts.clone() })
}

pub(super) fn policy(config: &Config, clock: &Clock) -> Policy {
    Policy {
        access: config.access.clone(),
        timezone: config.daemon.timezone.clone(),
        store_dir: config.backup.dir.clone(),
        ways: Arc::new(Ways::new(config.email.clone(), &config.webhooks, clock.clone())),
    }
}

fn settings(config: &Config) -> Settings {
    let codec = match config.backup.compression {
        Compression::Zstd { level } => Codec::Zstd(i32::from(level)),
        Compression::Gzip { level } => Codec::Gzip(u32::from(level)),
        Compression::None => Codec::None,
    };
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Settings {
        codec,
        threads: config.backup.threads,
        min_free: config.backup.min_free,
        full_every: config.backup.full_every,
        host,
        keep_replaced: config.backup.keep_replaced,
        hooks: config.hooks.clone(),
        retention: config.retention.clone(),
        timezone: config.daemon.timezone.clone(),
    }
}

fn sources(config: &Config, clock: &Clock) -> Result<Vec<Arc<dyn Source>>, SourceError> {
    config.sources.iter().map(|source| one(source, clock)).collect()
}

fn one(source: &config::Source, clock: &Clock) -> Result<Arc<dyn Source>, SourceError> {
    let name = source.name.clone();
    Ok(match &source.settings {
        SourceSettings::Json(json) => {
            Arc::new(JsonFile::new(name, json.path.clone(), json.exclude.clone(), clock.clone())?)
        }
        SourceSettings::Files(files) => {
            let options = FileTreeOptions { exclude: files.exclude.clone(), one_file_system: files.one_file_system };
            Arc::new(FileTree::new(name, files.path.clone(), options)?)
        }
        SourceSettings::Postgres(postgres) => Arc::new(Postgres::new(name, postgres_options(postgres), clock.clone())),
    })
}

fn postgres_options(settings: &PostgresSettings) -> PostgresOptions {
    let connection = Connection {
        url: settings.url.clone(),
        maintenance_db: settings.maintenance_db.clone(),
        run_as: settings.run_as.clone(),
    };
    PostgresOptions {
        connection,
        restore_url: settings.restore_url.clone(),
        include_roles: settings.include_roles,
        include_role_passwords: settings.include_role_passwords,
    }
}
