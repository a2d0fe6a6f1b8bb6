//! `carelogd` as a program: exit codes and messages, as the contract promises them.

use crate::support::{TreeImage, World};

#[test]
fn a_valid_configuration_is_reported_with_what_it_protects() {
    let world = World::new();
    let config = world.config_file();
    let answer = world.carelogd(&["check-config", "--config", config.to_str().unwrap()]).expect_code(0);
    assert!(answer.stdout.starts_with(&format!("{}: in order\n", config.display())), "{answer:?}");
    assert!(answer.stdout.contains(&format!("data (json): {}", world.clinic.data.display())), "{answer:?}");
    assert!(answer.stdout.contains(&format!("studies (files): {}", world.clinic.studies.display())), "{answer:?}");
    assert_eq!(answer.stderr, "");
}

#[test]
fn check_config_and_run_refuse_an_invalid_configuration_with_78_and_every_problem() {
    let world = World::new();
    world.edit_config("state_dir = ", "state_dri = ");
    world.edit_config("type = \"files\"", "type = \"tree\"");
    let config = world.config_file();
    let line = world.config().lines().position(|line| line.starts_with("state_dri")).unwrap() + 1;
    for command in ["check-config", "run"] {
        let answer = world.carelogd(&[command, "--config", config.to_str().unwrap()]).expect_code(78);
        let lines: Vec<_> = answer.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{answer:?}");
        assert!(lines[0].starts_with(&format!("{}:{line}: daemon.state_dri: ", config.display())), "{answer:?}");
        assert!(lines[0].ends_with("did you mean 'state_dir'?"), "{answer:?}");
        assert!(lines[1].contains("source.studies.type: 'tree' is none of: json, files, postgres"), "{answer:?}");
        assert_eq!(answer.stdout, "");
    }
}

#[test]
fn a_missing_configuration_is_a_configuration_error() {
    let world = World::new();
    let missing = world.path("no.toml");
    let answer = world.carelogd(&["--config", missing.to_str().unwrap()]).expect_code(78);
    assert!(answer.stderr.contains("no.toml: cannot be read: No such file or directory"), "{answer:?}");
}

#[test]
fn a_command_line_that_is_not_understood_is_a_usage_error() {
    let world = World::new();
    for args in [&["frobnicate"][..], &["--frobnicate"], &["extract"], &["run", "surplus"]] {
        let answer = world.carelogd(args).expect_code(2);
        assert!(answer.stderr.contains("Usage: "), "{answer:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let world = World::new();
    let help = world.carelogd(&["--help"]).expect_code(0);
    for word in ["run", "check-config", "extract", "quickstart", "Exit codes", "/etc/carelog/carelogd.toml"] {
        assert!(help.stdout.contains(word), "'{word}' is not in {}", help.stdout);
    }
    let version = world.carelogd(&["--version"]).expect_code(0);
    assert_eq!(version.stdout, format!("carelogd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn extracting_what_is_not_in_the_archive_is_4_and_makes_nothing() {
    let world = World::new();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    let archive = world.store_files().into_iter().find(|name| name.ends_with(".tar.zst")).unwrap();
    let archive = world.backups().join(archive);
    let to = world.path("out");
    let (archive, to) = (archive.to_str().unwrap(), to.to_str().unwrap());
    let answer = world.carelogd(&["extract", archive, "--to", to, "--path", "studies/none"]).expect_code(4);
    assert!(answer.stderr.contains("'studies/none' is not in the archive"), "{answer:?}");
    assert!(!world.path("out").exists());
    world.carelogd(&["extract", archive, "--to", to, "--path", "studies/study-001/report.txt"]).expect_code(0);
    // As a restore into a directory, it mixes with nothing.
    let again = world.carelogd(&["extract", archive, "--to", to]).expect_code(9);
    assert!(again.stderr.contains("is not empty"), "{again:?}");
    assert_eq!(TreeImage::of(&world.path("out")).entries.len(), 4, "more than the file and the folders above it");
}
