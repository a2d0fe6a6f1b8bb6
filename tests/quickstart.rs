//! The first five minutes: the demonstration does what it tells, tells what it did, and the commands that it hands out
//! work as they stand.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::clinic::write_file;
use crate::support::process::{self, Answer, carelogctl, carelogd, hermetic, run};
use crate::support::wait::wait_until;

fn quickstart(dir: &Path) -> Command {
    let mut command = hermetic(&carelogd(), dir.parent().unwrap());
    command.arg("quickstart").arg(dir);
    command
}

/// The commands below `heading`, as a shell script.
#[track_caller]
fn commands(answer: &Answer, heading: &str) -> String {
    let mut lines = answer.stdout.lines().skip_while(|line| *line != heading).skip(1);
    let script: Vec<_> = lines.by_ref().map_while(|line| line.strip_prefix("   ")).collect();
    assert!(!script.is_empty(), "there is nothing below '{heading}' in\n{}", answer.stdout);
    script.join("\n")
}

fn shell(home: &Path, script: &str) -> Answer {
    run(hermetic(Path::new("/bin/bash"), home).arg("-euc").arg(script))
}

#[test]
fn the_demonstration_ends_well_and_tells_every_step_without_colours_or_log_lines() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    // What is meant for a real daemon leads nowhere.
    let answer = run(quickstart(&dir).env("BACKUP_DIR", home.path().join("real"))).expect_code(0);
    assert_eq!(answer.stderr, "");
    let steps: Vec<_> = answer.stdout.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    let told = ["1  A clinic", "2  Backup", "3  Disaster", "4  What a restore would do", "5  Restore"];
    assert_eq!(steps, [&told[..], &["6  Is it all back?"]].concat());
    for line in ["patients in data.json: 120 -> 0", "100 of 200 study files deleted", "1 study file overwritten"] {
        assert!(answer.stdout.contains(line), "'{line}' is not in\n{}", answer.stdout);
    }
    assert!(answer.stdout.contains("201 files, 11.0 MiB: every byte, mode and time is what it was"));
    assert!(!answer.stdout.contains('\x1b'));
    let patients: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("clinic/data.json")).unwrap()).unwrap();
    assert_eq!(patients["patients"].as_array().unwrap().len(), 120);
    assert_eq!(home.path().read_dir().unwrap().count(), 1, "something lies outside of the folder");
    assert!(!dir.join("carelogd.sock").exists(), "the socket was left");
}

#[test]
fn the_commands_that_the_demonstration_hands_out_work() {
    let home = tempfile::tempdir().unwrap();
    // A name that a shell would take apart.
    let dir = home.path().join("it's a demo");
    let answer = run(&mut quickstart(&dir)).expect_code(0);
    // The harness has the client built; without it the text begins with how to build it.
    assert!(carelogctl().exists());

    let mut daemon = hermetic(Path::new("/bin/bash"), home.path())
        .arg("-c")
        .arg(format!("exec {}", commands(&answer, "Start the daemon again")))
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    wait_until("the daemon's socket", || std::os::unix::net::UnixStream::connect(dir.join("carelogd.sock")).is_ok());
    let asked = shell(home.path(), &commands(&answer, "and ask it, in another terminal"));
    kill(Pid::from_raw(daemon.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(daemon.wait().unwrap().success());
    let asked = asked.expect_code(0);
    assert!(asked.stdout.contains("PROTECTED"), "{asked:?}");
    assert!(asked.stdout.contains("before the disaster"), "{asked:?}");

    let read = shell(home.path(), &commands(&answer, "Read the backup without CareLog")).expect_code(0);
    assert!(read.stdout.contains(": OK"), "{read:?}");
    let by_hand = dir.join("by-hand");
    let differ = run(hermetic(Path::new("/usr/bin/diff"), home.path())
        .arg("-r")
        .arg(dir.join("clinic/studies"))
        .arg(by_hand.join("studies")));
    assert_eq!((differ.code, differ.stdout.as_str()), (0, ""));

    shell(home.path(), &commands(&answer, "Throw everything away")).expect_code(0);
    assert!(!dir.exists());
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("mine");
    write_file(&dir.join("letter"), b"dear");
    let answer = run(&mut quickstart(&dir)).expect_code(1);
    assert!(answer.stderr.contains("is not empty"), "{answer:?}");
    assert_eq!(answer.stdout, "");
    assert_eq!(dir.read_dir().unwrap().count(), 1);
}

#[test]
fn an_interrupt_ends_the_demonstration_with_130_and_leaves_no_daemon() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let mut child = quickstart(&dir).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut story = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line != "2  Backup\n" {
        line.clear();
        assert_ne!(story.read_line(&mut line).unwrap(), 0, "the story ended before the backup");
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let rest: Vec<_> = story.lines().map(Result::unwrap).collect();
    let answer = Answer::from(child.wait_with_output().unwrap());
    assert_eq!((answer.code, answer.stderr.as_str()), (130, ""), "{rest:#?}");
    assert!(rest.last().unwrap().starts_with("Interrupted. The daemon has ended"), "{rest:#?}");
    // The store is clean: nothing half-written lies in it.
    let names: Vec<_> = dir.join("backups").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains(".partial")), "{names:?}");
    assert!(!dir.join("carelogd.sock").exists());
}

#[test]
fn nobody_needs_to_be_root() {
    if !process::is_root() {
        return; // Then the other tests have shown it.
    }
    let home = tempfile::tempdir().unwrap();
    let nobody = 65_534;
    std::os::unix::fs::chown(home.path(), Some(nobody), Some(nobody)).unwrap();
    // Where the program was built nobody else may be able to reach.
    let program = home.path().join("carelogd");
    std::fs::copy(carelogd(), &program).unwrap();
    let mut command = hermetic(&program, home.path());
    command.arg("quickstart").arg(home.path().join("demo")).uid(nobody).gid(nobody);
    let answer = run(&mut command).expect_code(0);
    assert!(answer.stdout.contains("Everything is as it should be"), "{answer:?}");
}
