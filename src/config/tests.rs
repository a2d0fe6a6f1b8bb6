//! The shipped files and the invalid ones of `tests/data/config` are the inputs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::*;
use crate::config::schema::{Form, SECTIONS, Support};
use crate::cron::CronExpression;
use crate::model::{EventKind, Mode, Scope, SourceKind, SourceName};
use crate::retention::Keep;

const SOURCE: &str = "[[source]]\nname = \"data\"\ntype = \"json\"\npath = \"/srv/data.json\"\n";

fn no_environment(_: &str) -> Option<OsString> {
    None
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(Path::new("FILE"), text, &no_environment)
}

fn with_environment(text: &str, name: &str, value: &str) -> Result<Config, ConfigErrors> {
    Config::parse(Path::new("FILE"), text, &|asked| (asked == name).then(|| value.into()))
}

/// The lines that a `#` directly before a key or a section comments out are taken into force; prose has a blank there.
fn uncommented(template: &str) -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    template.lines().map(uncomment).collect()
}

#[test]
fn every_key_of_the_shipped_file_stands_at_its_default() {
    let shipped = parse(&uncommented(DEFAULT_TEMPLATE)).unwrap();
    assert_eq!(shipped.daemon, Daemon::default());
    assert_eq!(shipped.backup, Backup::default());
    assert_eq!(shipped.retention, RetentionPolicy::default());
    assert_eq!(shipped.objectives, Objectives::default());
    assert_eq!(shipped.hooks, Hooks::default());
    assert_eq!(shipped.alerts, Alerts::default());
    assert_eq!(shipped.access, Access::default());
    assert_eq!(shipped.schedules, Schedule::defaults(&TimeZone::UTC));
    assert_eq!(shipped.email, None);
    let [webhook] = &shipped.webhooks[..] else { panic!("{:?}", shipped.webhooks) };
    let short = "[[webhook]]\nname = \"monitor\"\nurl = \"https://monitor.example.com/hook\"\n";
    assert_eq!(parse(&format!("{SOURCE}{short}")).unwrap().webhooks, std::slice::from_ref(webhook));
    for source in &shipped.sources {
        let place = match &source.settings {
            SourceSettings::Postgres(postgres) => format!("url = \"{}\"", postgres.url),
            _ => format!("path = \"{}\"", source.path().unwrap().display()),
        };
        let text = format!("[[source]]\nname = \"{}\"\ntype = \"{}\"\n{place}\n", source.name, source.kind());
        assert_eq!(
            parse(&text).unwrap().sources,
            std::slice::from_ref(source),
            "its optional keys stand at their defaults"
        );
    }
}

#[test]
fn the_shipped_file_shows_every_key_that_is_read_and_no_other() {
    let mut shown = BTreeSet::new();
    let mut section = String::new();
    for line in uncommented(DEFAULT_TEMPLATE).lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.insert(format!("{section}.{key}"));
        }
    }
    let known: BTreeSet<_> = SECTIONS
        .iter()
        .flat_map(|section| schema::read_names(section.keys).map(|key| format!("{}.{key}", section.name)))
        .collect();
    assert_eq!(shown, known);
}

#[test]
fn the_shipped_file_as_it_is_lacks_only_a_source() {
    let errors = parse(DEFAULT_TEMPLATE).unwrap_err();
    assert_eq!(errors.to_string(), "FILE: source: nothing is configured to be backed up; add a [[source]] section");
}

#[test]
fn what_the_shipped_file_leaves_commented_out_is_the_default_of_the_code() {
    let config = parse(SOURCE).unwrap();
    assert_eq!((config.daemon, config.backup), (Daemon::default(), Backup::default()));
    assert_eq!((config.objectives, config.hooks), (Objectives::default(), Hooks::default()));
    assert_eq!(config.access, Access::default());
    assert_eq!(config.schedules, Schedule::defaults(&TimeZone::UTC));
    let names: Vec<_> = config.schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    assert_eq!(names, ["nightly", "weekly-verify", "daily-prune"]);
}

#[test]
fn an_empty_list_of_schedules_means_that_nothing_is_done_by_itself() {
    assert_eq!(parse(&format!("schedule = []\n{SOURCE}")).unwrap().schedules, []);
}

#[test]
fn a_schedule_means_the_zone_of_the_daemon_and_makes_up_for_a_day_unless_it_says_otherwise() {
    let text = format!(
        "[daemon]\ntimezone = \"Asia/Kathmandu\"\n{SOURCE}\
         [[schedule]]\nname = \"hourly\"\ncron = \"@hourly\"\njob = \"backup\"\n\
         [[schedule]]\nname = \"checks\"\ncron = \"0 5 * * 1-5\"\njob = \"verify\"\nwhich = \"oldest\"\n\
         timezone = \"Europe/Berlin\"\ncatch_up = \"0s\"\njitter = \"90s\"\n\
         [[schedule]]\nname = \"data\"\ncron = \"0 5 1 * *\"\njob = \"backup\"\nscope = \"database\"\n\
         sources = [\"data\"]\nmode = \"full\"\n"
    );
    let zone = |name| TimeZone::get(name).unwrap();
    let cron = |text| CronExpression::parse(text).unwrap();
    let hourly = Schedule {
        name: "hourly".to_owned(),
        cron: cron("@hourly"),
        timezone: zone("Asia/Kathmandu"),
        work: ScheduledWork::Backup { scope: Scope::All, sources: Vec::new(), mode: Mode::Incremental },
        catch_up: Duration::from_hours(24),
        jitter: Duration::ZERO,
    };
    let checks = Schedule {
        name: "checks".to_owned(),
        cron: cron("0 5 * * 1-5"),
        timezone: zone("Europe/Berlin"),
        work: ScheduledWork::Verify(VerifyWhich::Oldest),
        catch_up: Duration::ZERO,
        jitter: Duration::from_secs(90),
    };
    let sources = vec![SourceName::new("data").unwrap()];
    let data = Schedule {
        name: "data".to_owned(),
        cron: cron("0 5 1 * *"),
        work: ScheduledWork::Backup { scope: Scope::Database, sources, mode: Mode::Full },
        ..hourly.clone()
    };
    assert_eq!(parse(&text).unwrap().schedules, [hourly, checks, data]);
}

#[test]
fn the_quickstart_file_is_valid_in_any_folder() {
    for dir in ["/tmp/demo", "/tmp/with space", "/tmp/quote\"and\\slash\n{dir"] {
        let config = parse(&fill_quickstart(Path::new(dir)).unwrap()).unwrap();
        assert_eq!(config.backup.dir, Path::new(dir).join("backups"));
        assert_eq!(config.daemon.state_dir, Path::new(dir).join("state"));
        let kinds: Vec<_> = config.sources.iter().map(|s| (s.name.as_str(), s.kind())).collect();
        assert_eq!(kinds, [("data", SourceKind::Json), ("studies", SourceKind::Files)]);
        assert_eq!(config.sources[0].exclude(), ["auditLogs", "sessions"]);
    }
}

#[test]
fn every_value_of_the_file_is_taken_over() {
    let text = r#"
        [daemon]
        state_dir = "/s//state/"
        socket = "/s/sock"
        timezone = "Europe/Berlin"
        [backup]
        dir = "/s/backups"
        compression = "gzip"
        compression_level = 9
        threads = 0x10
        min_free = "10GB"
        full_every = "30d"
        keep_replaced = "36h"
        [objectives]
        rpo = "7d"
        rto = "90m"
        [alerts]
        contact = " Dr. A. Admin, ext. 17 "
        missing_backup_after = "2d"
        low_disk = "100GB"
        remind_every = "12h"
        email_on = ["low_disk", "corruption"]
        [hooks]
        stop_application = { argv = ["systemctl", "stop", "clinic"], timeout = "2m" }
        start_application = { argv = ["systemctl", "start", "clinic"] }
        after_restore = { argv = [] }
        probe = [{ name = "login works", argv = ["/opt/probe", "--login"], run_as = "clinic" }]
        [access]
        admin = ["alice"]
        operator = []
        viewer = ["@staff", "bob"]
        [[source]]
        name = "studies"
        type = "files"
        path = "/data/studies"
        exclude = ["**/cache/**", "*.tmp"]
        one_file_system = false
        rpo = "1h"
        rto = "10m"
        [[source]]
        name = "database"
        type = "postgres"
        url = "postgresql://reader@db1/clinic?sslmode=verify-full"
        restore_url = "postgresql://owner@db1/clinic"
        maintenance_db = "template1"
        run_as = "carelog"
        include_roles = true
        include_role_passwords = true
    "#;
    let config = parse(text).unwrap();
    assert_eq!(config.daemon.state_dir, Path::new("/s/state"));
    assert_eq!(config.daemon.socket, Path::new("/s/sock"));
    assert_eq!(config.daemon.timezone.iana_name(), Some("Europe/Berlin"));
    let backup = Backup {
        dir: "/s/backups".into(),
        compression: Compression::Gzip { level: 9 },
        threads: 16,
        min_free: MinFree::Bytes(10_000_000_000),
        full_every: Some(Duration::from_hours(30 * 24)),
        keep_replaced: Duration::from_hours(36),
    };
    assert_eq!(config.backup, backup);
    let objectives = Objectives { rpo: Duration::from_hours(7 * 24), rto: Duration::from_mins(90) };
    assert_eq!(config.objectives, objectives);
    let alerts = Alerts {
        contact: "Dr. A. Admin, ext. 17".to_owned(),
        missing_backup_after: Duration::from_hours(48),
        low_disk: MinFree::Bytes(100_000_000_000),
        remind_every: Duration::from_hours(12),
        email_on: [EventKind::LowDisk, EventKind::Corruption].into(),
    };
    assert_eq!(config.alerts, alerts);
    let shown = |list: &[Principal]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(&config.access.admin), ["alice"]);
    assert_eq!(shown(&config.access.operator), Vec::<String>::new());
    assert_eq!(shown(&config.access.viewer), ["@staff", "bob"]);
    let stop = config.hooks.stop_application.as_ref().unwrap();
    assert_eq!((stop.argv.join(" "), stop.timeout.as_secs()), ("systemctl stop clinic".to_owned(), 120));
    assert_eq!(stop.run_as, "root");
    let probe = &config.hooks.probes[0];
    assert_eq!((probe.name.as_str(), probe.hook.run_as.as_str()), ("login works", "clinic"));
    assert_eq!(probe.hook.timeout, Hook::DEFAULT_TIMEOUT);
    assert_eq!(config.hooks.after_restore, None);
    assert_eq!(
        config.hooks.of_restore().map(|(name, _)| name).collect::<Vec<_>>(),
        ["stop_application", "start_application", "login works"]
    );
    let files = FilesSettings {
        path: "/data/studies".into(),
        exclude: vec!["**/cache/**".to_owned(), "*.tmp".to_owned()],
        one_file_system: false,
    };
    let studies = Source {
        name: SourceName::new("studies").unwrap(),
        settings: SourceSettings::Files(files),
        rpo: Some(Duration::from_hours(1)),
        rto: Some(Duration::from_mins(10)),
    };
    let postgres = PostgresSettings {
        url: "postgresql://reader@db1/clinic?sslmode=verify-full".parse().unwrap(),
        restore_url: Some("postgresql://owner@db1/clinic".parse().unwrap()),
        maintenance_db: "template1".to_owned(),
        run_as: "carelog".to_owned(),
        include_roles: true,
        include_role_passwords: true,
    };
    let database = Source {
        name: SourceName::new("database").unwrap(),
        settings: SourceSettings::Postgres(postgres),
        rpo: None,
        rto: None,
    };
    assert_eq!(config.sources, [studies, database]);
}

#[test]
fn what_is_to_be_kept_is_said_in_one_line() {
    let policy = |line: &str| parse(&format!("{line}\n{SOURCE}")).unwrap().retention;
    assert_eq!(policy(""), RetentionPolicy::default());
    let usual = policy("retention = { keep_last = 0, keep_daily = 30, keep_monthly = 12, keep_yearly = \"all\" }");
    assert_eq!(usual, RetentionPolicy { keep_last: Keep::Count(0), ..RetentionPolicy::default() });
    let none = "keep_last = 0, keep_daily = 0, keep_monthly = 0, keep_yearly = 0";
    let days = policy(&format!("retention = {{ {none}, keep_within = \"2555d\" }}"));
    assert_eq!((days.keep_within, days.keep_yearly), (Duration::from_hours(2555 * 24), Keep::Count(0)));
    let every = "keep_last = \"all\", keep_hourly = 1, keep_weekly = 2, keep_safety = \"1h\", max_total_size = \"2TB\"";
    let every = policy(&format!("retention = {{ {every}, trash = \"0s\" }}"));
    assert_eq!((every.keep_last, every.keep_hourly, every.keep_weekly), (Keep::All, Keep::Count(1), Keep::Count(2)));
    assert_eq!((every.keep_safety, every.trash), (Duration::from_hours(1), Duration::ZERO));
    assert_eq!(every.max_total_bytes, Some(2_000_000_000_000));
    // As the first guide says it.
    let guide = with_environment(SOURCE, "BACKUP_RETENTION_DAYS", "2555").unwrap().retention;
    assert_eq!(guide, RetentionPolicy { keep_within: days.keep_within, ..RetentionPolicy::default() });
}

#[test]
fn the_environment_goes_before_the_file() {
    let text = format!("[backup]\ndir = \"/file\"\ncompression_level = 3\n{SOURCE}");
    assert_eq!(with_environment(&text, "BACKUP_DIR", "/variable").unwrap().backup.dir, Path::new("/variable"));
    assert_eq!(with_environment(&text, "BACKUP_DIR", "").unwrap().backup.dir, Path::new("/file"));
    let config = with_environment(&text, "BACKUP_COMPRESSION_LEVEL", "19").unwrap();
    assert_eq!(config.backup.compression, Compression::Zstd { level: 19 });
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value, message) in [
        ("BACKUP_DIR", "backups", "'backups' is not an absolute path; begin it with /"),
        ("BACKUP_DIR", "/srv/data.json/b", "/srv/data.json/b lies within the source 'data'"),
        ("BACKUP_COMPRESSION_LEVEL", "20", "20 is not a whole number from 1 to 19"),
        ("BACKUP_RETENTION_DAYS", "0", "0 is not a whole number from 1 to 36500"),
        ("BACKUP_RETENTION_DAYS", "7 years", "7 years is not a whole number from 1 to 36500"),
        ("BACKUP_COMPRESSION_LEVEL", "fast", "fast is not a whole number from 1 to 19"),
    ] {
        let errors = with_environment(SOURCE, name, value).unwrap_err().to_string();
        assert!(errors.starts_with(&format!("environment variable {name}: {message}")), "{errors}");
    }
}

#[test]
fn every_invalid_file_is_refused_with_its_messages() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/invalid");
    let files: Vec<PathBuf> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 10, "only {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#! ")).collect();
        let found = parse(&text).map_or_else(|errors| errors.to_string(), |config| format!("accepted: {config:?}"));
        let found: Vec<&str> = found.lines().collect();
        // Some messages end with the words of a library, which are not ours to promise.
        if found.len() != expected.len() || !found.iter().zip(&expected).all(|(f, e)| f.starts_with(e)) {
            wrong.push(format!("{}\nexpected {expected:#?}\nfound {found:#?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_section_and_key_that_is_not_supported_yet_is_refused() {
    for section in SECTIONS {
        let open = if section.form == Form::List { "[[" } else { "[" };
        let close = if section.form == Form::List { "]]" } else { "]" };
        let header = format!("{open}{}{close}\n", section.name);
        let refused =
            |text: &str| parse(text).is_err_and(|e| e.to_string().contains("not supported by this version yet"));
        if section.support() == Support::NotYet {
            assert!(refused(&format!("{SOURCE}{header}")), "{}", section.name);
        }
        for key in section.keys.iter().filter(|key| key.support == Support::NotYet) {
            assert!(refused(&format!("{header}{} = 1\n", key.name)), "{}.{}", section.name, key.name);
        }
    }
}

#[test]
fn a_store_that_a_link_leads_into_a_source_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("studies")).unwrap();
    std::os::unix::fs::symlink(at("studies"), at("elsewhere")).unwrap();
    let text = format!(
        "[backup]\ndir = \"{}\"\n[[source]]\nname = \"studies\"\ntype = \"files\"\npath = \"{}\"\n",
        at("elsewhere/backups").display(),
        at("studies").display()
    );
    let errors = parse(&text).unwrap_err().to_string();
    assert!(errors.starts_with("FILE:2: backup.dir: "), "{errors}");
}

#[test]
fn neighbours_whose_names_begin_alike_do_not_overlap() {
    let source =
        |name: &str, path: &str| format!("[[source]]\nname = \"{name}\"\ntype = \"files\"\npath = \"{path}\"\n");
    let text = source("a", "/srv/clinic") + &source("b", "/srv/clinic2") + "[backup]\ndir = \"/srv/clinic-backups\"\n";
    assert!(parse(&text).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Config::load(&dir.path().join("no.toml"), &no_environment).unwrap_err().to_string();
    assert!(missing.contains("no.toml: cannot be read") && missing.contains("--config"), "{missing}");
    std::fs::write(dir.path().join("latin1.toml"), b"# caf\xe9\n").unwrap();
    let latin1 = Config::load(&dir.path().join("latin1.toml"), &no_environment).unwrap_err().to_string();
    assert!(latin1.contains("save it as UTF-8"), "{latin1}");
}

#[test]
fn free_space_is_a_share_or_a_size() {
    assert_eq!(MinFree::Percent(5).bytes_of(1_000_000), 50_000);
    assert_eq!(MinFree::Percent(99).bytes_of(u64::MAX), u64::MAX / 100 * 99);
    assert_eq!(MinFree::Bytes(7).bytes_of(1_000_000), 7);
    assert_eq!(value::min_free("0%"), Ok(MinFree::Percent(0)));
    assert_eq!(value::min_free("2GiB"), Ok(MinFree::Bytes(2 << 30)));
    for bad in ["100%", "-1%", "%", "5 per cent", ""] {
        assert!(value::min_free(bad).is_err(), "{bad}");
    }
}
