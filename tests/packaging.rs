//! The files for systemd, judged by systemd's own tools where they are installed (`tests/all` installs them).

use std::path::{Path, PathBuf};

use crate::support::process::{self, Answer, has_tools};

fn in_repository(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn run(program: &str, args: &[&str]) -> Answer {
    let home = tempfile::tempdir().unwrap();
    process::run(process::hermetic(Path::new(program), home.path()).args(args))
}

#[test]
fn the_unit_is_understood_by_systemd() {
    if !has_tools(&["systemd-analyze"]) {
        return;
    }
    let [unit, target] = ["carelogd.service", "carelog-settled.target"].map(|name| in_repository("systemd").join(name));
    let answer = run("systemd-analyze", &["verify", unit.to_str().unwrap(), target.to_str().unwrap()]);
    // On a machine where it is not installed, the program is missing, and that alone may be complained about.
    let complaints: Vec<_> = answer
        .stderr
        .lines()
        .filter(|line| {
            (line.contains("carelogd.service") || line.contains("carelog-settled"))
                && !line.contains("is not executable: No such file")
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_applications_drop_in_heeds_the_marker_of_the_default_state_folder() {
    let drop_in = std::fs::read_to_string(in_repository("systemd/carelog-application.conf")).unwrap();
    let marker = carelogd::config::Daemon::default().state_dir.join("restore-in-progress");
    let lines: Vec<_> = drop_in.lines().filter(|line| !line.starts_with('#')).collect();
    let condition = format!("ConditionPathExists=!{}", marker.display());
    assert_eq!(lines, ["[Unit]", "After=carelog-settled.target", condition.as_str()]);
}

#[test]
fn the_groups_are_those_of_the_default_access_lists() {
    let text = std::fs::read_to_string(in_repository("etc/sysusers.d/carelog.conf")).unwrap();
    let made: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("g ")?.split_whitespace().next()).collect();
    let access = carelogd::config::Access::default();
    let lists = [&access.admin, &access.operator, &access.viewer];
    for principal in lists.into_iter().flatten().map(ToString::to_string) {
        let group = principal.strip_prefix('@');
        assert!(group.is_none_or(|group| made.contains(&group)), "{principal} is not made by {made:?}");
    }
    assert_eq!(made, ["carelog", "carelog-operator", "carelog-admin"]);
}

#[test]
fn groups_and_folders_are_made_by_systemd() {
    // Both act as root even below a folder of ours.
    if !process::is_root() || !has_tools(&["systemd-sysusers", "systemd-tmpfiles"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let root_arg = format!("--root={}", root.path().display());
    let of = |relative: &str| in_repository(relative).to_str().unwrap().to_owned();
    run("systemd-sysusers", &[&root_arg, &of("etc/sysusers.d/carelog.conf")]).expect_code(0);
    let groups = std::fs::read_to_string(root.path().join("etc/group")).unwrap();
    assert!(groups.lines().any(|line| line.starts_with("carelog-admin:")), "{groups}");
    run("systemd-tmpfiles", &[&root_arg, "--create", &of("etc/tmpfiles.d/carelog.conf")]).expect_code(0);
    let store = carelogd::config::Backup::default().dir;
    let store = root.path().join(store.strip_prefix("/").unwrap());
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(store.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn the_unit_runs_the_commands_that_exist() {
    use clap::Parser as _;
    let unit = std::fs::read_to_string(in_repository("systemd/carelogd.service")).unwrap();
    let mut seen = 0;
    for line in unit.lines() {
        let Some(command) = line.strip_prefix("ExecStartPre=").or_else(|| line.strip_prefix("ExecStart=")) else {
            continue;
        };
        carelogd::cli::Cli::try_parse_from(command.split_whitespace()).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn the_unit_lets_monitors_read_the_status_and_probes_speak_to_the_application() {
    let unit = std::fs::read_to_string(in_repository("systemd/carelogd.service")).unwrap();
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    // `status.json` is for everybody; the socket beside it has a mode of its own.
    assert_eq!(value("RuntimeDirectoryMode"), "0755");
    // The example of a probe in the configuration is an HTTP request.
    let families: Vec<_> = value("RestrictAddressFamilies").split(' ').collect();
    assert_eq!(families, ["AF_UNIX", "AF_INET", "AF_INET6"]);
}
