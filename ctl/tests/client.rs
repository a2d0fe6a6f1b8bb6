//! The client as a person and a script meet it: output, exit codes, questions, interrupts.

#[path = "../../rpc/tests/samples/mod.rs"]
#[expect(dead_code, reason = "shared with the wire's own tests, which need more of them")]
mod samples;
mod support;

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::process::Stdio;

use carelog_rpc::*;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{fstat, stat};
use nix::unistd::Pid;
use support::{FakeDaemon, Ran, client, hold_against};

/// A daemon whose every job ends as `job`.
fn daemon_of(job: Job) -> FakeDaemon {
    FakeDaemon::start(move |request| match request {
        Request::Restore(RestoreRequest { dry_run: true, .. }) => vec![samples::replies().remove(4)],
        Request::Restore(RestoreRequest { to: true, .. }) => vec![Reply::SendDescriptor, enqueued()],
        Request::Backup(BackupRequest { dry_run: true, .. }) => vec![samples::replies().remove(3)],
        Request::Backup(_) | Request::Verify { .. } | Request::Restore(_) | Request::Delete { .. } => vec![enqueued()],
        Request::WatchJob { id } => {
            let progress = samples::job().progress;
            let update = JobUpdate { id: id.clone(), state: JobState::Running, ahead: 0, behind: None, progress };
            vec![Reply::JobUpdate(update), Reply::JobEnded(Box::new(job.clone()))]
        }
        Request::Show { .. } => vec![Reply::Backup(Box::new(samples::backup()))],
        _ => vec![Reply::Error(ErrorReply::new(ErrorCode::Usage, "this is not in the script"))],
    })
}

fn enqueued() -> Reply {
    Reply::Enqueued { job_id: samples::job().id }
}

fn good_job() -> Job {
    let result = JobResult { files: 3, bytes: 2048, ..JobResult::default() };
    Job {
        kind: JobKind::Backup,
        state: JobState::Succeeded,
        finished_at: Some(Time(1_761_748_215_000)),
        progress: None,
        result: Some(result),
        error: None,
        ..samples::job()
    }
}

fn daemon_replying(reply: Reply) -> FakeDaemon {
    FakeDaemon::start(move |_request| vec![reply.clone()])
}

#[test]
fn the_help_of_every_command_is_as_it_was() {
    let commands = "|status|backup|list|show|verify|restore|download|delete|hold|release|jobs|job|job show|job watch|\
                    job cancel|audit|audit list|audit verify|alerts|\
                    alerts ack|reload|completions";
    let mut all = String::new();
    for command in commands.split('|') {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = Ran::new(&client(&args).output().expect("runs"));
        assert_eq!(ran.code, Some(0), "{command}");
        all += &format!("$ carelogctl {}\n{}\n", args.join(" "), ran.stdout);
    }
    hold_against("help.txt", &all);
}

#[test]
fn arguments_that_make_no_sense_exit_2() {
    for args in [&["frobnicate"][..], &["restore"], &["delete", "latest"], &["restore", "latest", "--at", "2d"]] {
        assert_eq!(client(args).output().expect("runs").status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_backup_is_waited_for_and_told_in_a_line() {
    let daemon = daemon_of(good_job());
    let ran = daemon.run(["backup", "--scope", "files", "--source", "studies", "-m", "before the update"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with("backup done: 3 files, 2.0 KiB in 15 s\nbackup: 0199f3a0-"), "{}", ran.stdout);
    let expected = BackupRequest {
        scope: Scope::Files,
        sources: vec!["studies".to_owned()],
        description: "before the update".to_owned(),
        mode: None,
        rescan: false,
        dry_run: false,
    };
    assert_eq!(daemon.requests.recv().expect("asked"), Request::Backup(expected));
}

#[test]
fn a_job_that_ended_with_warnings_exits_3_and_names_them() {
    let mut job = Job { state: JobState::Warned, ..good_job() };
    job.result =
        Some(JobResult { warnings: vec!["studies/a\u{1b}[2J".to_owned()], omitted: 4, ..JobResult::default() });
    let ran = daemon_of(job).run(["backup"]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(ran.stderr, "warning: studies/a\\x1b[2J\nand 4 more\n");
}

#[test]
fn a_job_that_failed_exits_with_its_code_and_says_what_why_and_what_next() {
    let ran = daemon_of(samples::job()).run(["verify"]);
    assert_eq!(ran.code, Some(4));
    let told = "error: there is no backup 0198f000\n  why: no id begins with it\n next: carelogctl list --all\n";
    assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
}

#[test]
fn a_job_that_was_cancelled_exits_130_and_an_interrupted_one_1() {
    for (state, code) in [(JobState::Cancelled, 130), (JobState::Interrupted, 1)] {
        let job = Job { state, error: None, ..good_job() };
        assert_eq!(daemon_of(job).run(["verify", "--all", "--quick"]).code, Some(code));
    }
}

#[test]
fn a_job_that_is_waited_for_is_one_document_and_a_watched_one_is_a_line_per_step() {
    let daemon = daemon_of(good_job());
    let waited = daemon.run(["backup", "--json"]).document();
    assert_eq!((&waited["schema"], &waited["state"]), (&"carelog.job/1".into(), &"succeeded".into()));
    let watched = daemon.run(["job", "watch", "0199", "--json"]);
    let schemas: Vec<String> = watched
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a document")["schema"].to_string())
        .collect();
    assert_eq!(schemas, ["\"carelog.job.update/1\"", "\"carelog.job/1\""]);
}

#[test]
fn detach_prints_the_job_and_does_not_wait() {
    let daemon = daemon_of(good_job());
    assert_eq!(daemon.run(["backup", "--detach"]).stdout, format!("{}\n", samples::job().id));
    assert!(matches!(daemon.requests.recv(), Ok(Request::Backup(_))));
    assert!(daemon.requests.try_recv().is_err(), "nothing was watched");
}

#[test]
fn an_interrupt_leaves_the_job_running_and_says_how_to_go_on() {
    let daemon = FakeDaemon::start(|request| match request {
        Request::WatchJob { .. } => vec![],
        _ => vec![enqueued()],
    });
    let mut waiting = daemon.client(["backup"]);
    let child = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    while !matches!(daemon.requests.recv().expect("asked"), Request::WatchJob { .. }) {}
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGINT).expect("sent");
    let ran = Ran::new(&child.wait_with_output().expect("ends"));
    assert_eq!((ran.code, ran.stdout), (Some(0), format!("{}\n", samples::job().id)));
    assert!(ran.stderr.contains(&format!("carelogctl job watch {}", samples::job().id)), "{}", ran.stderr);
}

#[test]
fn what_needs_to_be_confirmed_is_refused_without_a_terminal_before_anything_is_asked() {
    let daemon = daemon_of(good_job());
    for args in [&["restore", "latest"][..], &["delete", "latest", "-m", "x"], &["restore", "--at", "2d", "--json"]] {
        let ran = daemon.run(args);
        assert_eq!(ran.code, Some(9), "{args:?}");
        assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    }
    assert!(daemon.requests.try_recv().is_err());
}

/// Runs the client on a terminal of 120 columns, on which `typed` is typed.
fn on_a_terminal(daemon: &FakeDaemon, environment: &str, args: &str, typed: &str) -> Ran {
    let command = format!("stty cols 120; {environment} {} {args}", env!("CARGO_BIN_EXE_carelogctl"));
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
    script.env("SHELL", "/bin/sh").env("CARELOG_SOCKET", daemon.dir.path().join("socket"));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script(1) is there");
    let mut keys = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut keys, typed.as_bytes()).expect("typed");
    Ran::new(&child.wait_with_output().expect("ends"))
}

#[test]
fn a_job_that_is_waited_for_on_a_terminal_shows_rate_and_time_left() {
    let daemon = daemon_of(good_job());
    let ran = on_a_terminal(&daemon, "", "backup", "");
    assert!(ran.stdout.contains("10 %  stage  10 B of 100 B, 1 file, 5 B/s, 18 s left"), "{:?}", ran.stdout);
    let without = on_a_terminal(&daemon, "", "--no-progress backup", "");
    assert!(!without.stdout.contains("left"), "{:?}", without.stdout);
}

#[test]
fn a_list_is_coloured_on_a_terminal_only_and_never_with_no_color() {
    let daemon = daemon_replying(Reply::Backups(Page { items: vec![samples::backup()], more: false }));
    assert!(on_a_terminal(&daemon, "", "list", "").stdout.contains("\u{1b}["));
    assert!(!on_a_terminal(&daemon, "NO_COLOR=1", "list", "").stdout.contains('\u{1b}'));
    assert!(!daemon.run(["list"]).stdout.contains('\u{1b}'));
}

#[test]
fn a_restore_shows_its_plan_and_runs_what_was_shown_once_the_word_is_typed() {
    let daemon = daemon_of(Job { kind: JobKind::Restore, ..good_job() });
    let ran = on_a_terminal(&daemon, "", "restore latest -m lost --no-progress", "restore\n");
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(ran.stdout.contains("/srv/carelog/data") && ran.stdout.contains("restore done"), "{}", ran.stdout);
    let asked: Vec<Request> = daemon.requests.try_iter().collect();
    // The last one is for the way back, if there is one.
    let [Request::Restore(plan), Request::Restore(restore), Request::WatchJob { .. }, Request::JobReport { .. }] =
        asked.as_slice()
    else {
        panic!("{asked:?}")
    };
    assert!(plan.dry_run && plan.from == RestoreFrom::Backup("latest".to_owned()));
    assert!(!restore.dry_run && restore.from == RestoreFrom::Backup(samples::backup().id));
}

#[test]
fn a_restore_does_nothing_when_another_word_is_typed() {
    let daemon = daemon_of(good_job());
    let ran = on_a_terminal(&daemon, "", "restore latest", "yes\n");
    assert_eq!(ran.code, Some(130), "{}", ran.stdout);
    assert!(daemon.requests.try_iter().all(|request| matches!(request, Request::Restore(r) if r.dry_run)));
}

#[test]
fn a_restore_elsewhere_passes_the_directory_itself() {
    let daemon = daemon_of(good_job());
    let target = tempfile::TempDir::new().expect("a folder");
    let ran = daemon.run(["restore", "latest", "--to", target.path().to_str().expect("UTF-8")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let passed = fstat(daemon.descriptors.recv().expect("passed").as_fd()).expect("open");
    assert_eq!(passed.st_ino, stat(target.path()).expect("there").st_ino);
}

#[test]
fn a_restore_goes_neither_through_a_link_nor_into_nothing() {
    let daemon = daemon_of(good_job());
    let dir = tempfile::TempDir::new().expect("a folder");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/tmp", &link).expect("linked");
    for (to, code) in [(link, 2), (dir.path().join("missing"), 4)] {
        let ran = daemon.run(["restore".as_ref(), "latest".as_ref(), "--to".as_ref(), to.as_os_str()]);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    }
    assert!(daemon.requests.try_recv().is_err());
}

#[test]
fn dry_runs_show_the_plans() {
    let daemon = daemon_of(good_job());
    let backup = daemon.run(["backup", "--dry-run"]);
    let restore = daemon.run(["restore", "latest", "--dry-run"]);
    assert_eq!((backup.code, restore.code), (Some(0), Some(0)));
    // How long ago the backup was taken depends on today.
    let restore = restore.stdout.replacen(&age_in(&restore.stdout), "AGE", 1);
    hold_against("plans.txt", &format!("{}\n{restore}", backup.stdout));
}

/// The first `… ago` in brackets.
fn age_in(text: &str) -> String {
    let from_age = text.split_once(" ago)").expect("an age").0;
    from_age.rsplit_once('(').expect("a bracket").1.to_owned()
}

#[test]
fn a_list_is_a_table_with_one_line_per_backup_whatever_their_texts_hold() {
    let odd = Backup { description: "two\nlines \u{1b}[31mred".to_owned(), ..samples::backup() };
    let pages = [Page { items: vec![odd], more: true }, Page { items: vec![samples::backup()], more: false }];
    let daemon = FakeDaemon::start(move |_request| pages.iter().cloned().map(Reply::Backups).collect());
    let ran = daemon.run(["list", "--class", "safety", "--since", "2d", "--limit", "5", "--all"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert!(lines[0].starts_with("BACKUP ") && lines[1].starts_with("0199f3a0-0000  2025-10-29 14:30:00 "));
    assert!(lines[1].ends_with("two\\nlines \\x1b[31mred"), "{:?}", lines[1]);
    let documents = daemon.run(["list", "--json"]).document();
    assert_eq!(documents["schema"], "carelog.backup.list/1");
    assert_eq!(documents["backups"].as_array().map(Vec::len), Some(2));
    assert!(daemon.run(["list", "--json"]).stdout.starts_with("{\"schema\":\"carelog.backup.list/1\","));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let daemon = daemon_replying(Reply::Backups(Page { items: vec![samples::backup()], more: false }));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = daemon.client(["list"]).stdout(writer).output().expect("runs");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn show_and_job_show_tell_everything() {
    let daemon = daemon_replying(Reply::Backup(Box::new(samples::backup())));
    let shown = daemon.run(["show", "latest"]).stdout;
    for part in ["backup_2025-10-29_14-30-00.tar.zst", "cdcdcd", "patients 120", "audit (by root", "and 3 more"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let daemon = daemon_replying(Reply::Job(Box::new(samples::job())));
    let shown = daemon.run(["job", "show", "0199"]).stdout;
    for part in ["no id begins with it", "verify", "warning: a", "damage: b", "and 1 more"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

/// A daemon that sends `abc`, and says that it has this SHA-256.
fn daemon_sending(sha256: &str) -> FakeDaemon {
    let end = DownloadEnd { size_bytes: 3, sha256: sha256.to_owned() };
    FakeDaemon::start(move |_request| {
        let start = DownloadStart { filename: "b.tar".to_owned(), size_bytes: Some(3) };
        let bytes = Reply::Bytes(Octets(b"abc".to_vec()));
        vec![Reply::DownloadStart(start), bytes, Reply::DownloadEnd(end.clone())]
    })
}

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_download_becomes_a_file_or_goes_to_stdout_and_replaces_nothing() {
    let daemon = daemon_sending(ABC);
    let dir = tempfile::TempDir::new().expect("a folder");
    let in_dir = |args: &[&str]| Ran::new(&daemon.client(args).current_dir(dir.path()).output().expect("runs"));
    assert_eq!(in_dir(&["download", "latest", "--as", "tar"]).code, Some(0));
    assert_eq!(fs::read(dir.path().join("b.tar")).expect("there"), b"abc");
    assert_eq!(in_dir(&["download", "latest"]).code, Some(8), "the file is there already");
    assert_eq!(in_dir(&["download", "latest", "-o", "-"]).stdout, "abc");
    assert_eq!(in_dir(&["download", "latest", "-o", "c", "--json"]).document()["sha256"], ABC);
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 2, "nothing else is left");
}

#[test]
fn a_download_that_arrives_damaged_exits_7_and_leaves_nothing() {
    let daemon = daemon_sending(&"0".repeat(64));
    let dir = tempfile::TempDir::new().expect("a folder");
    let output = daemon.client(["download", "latest"]).current_dir(dir.path()).output().expect("runs");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    let daemon = FakeDaemon::start(|_request| {
        vec![Reply::DownloadStart(DownloadStart { filename: "b.tar".to_owned(), size_bytes: None })]
    });
    let dir = tempfile::TempDir::new().expect("a folder");
    let child = daemon.client(["download", "latest"]).current_dir(dir.path()).spawn().expect("runs");
    // The handler of the signal is there before the first piece is waited for, but not before the file is: wait for it
    // to catch what we send.
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    wait_until(|| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
        caught.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & 0b10 != 0)
    });
    kill(pid, Signal::SIGINT).expect("sent");
    assert_eq!(child.wait_with_output().expect("ends").status.code(), Some(130));
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

#[test]
fn the_status_says_what_is_wrong_and_what_to_do() {
    let daemon = daemon_replying(Reply::Status(Box::new(samples::status())));
    let ran = daemon.run(["status"]);
    assert_eq!(ran.code, Some(0));
    for part in ["AT RISK", "2025-10-29 14:30:00", "about 5 min", "data", "12 backups", "move [backup] dir"] {
        assert!(ran.stdout.contains(part), "{part} in {}", ran.stdout);
    }
    assert_eq!(daemon.run(["status", "--json"]).document()["verdict"], "at_risk");
}

#[test]
fn the_status_of_a_bad_day_is_as_it_was() {
    let status = Status {
        restore_was_measured: false,
        problems: vec![
            Problem {
                severity: Severity::Critical,
                what: "the backup store is not there".into(),
                next: Some("mount the backup disk".into()),
            },
            Problem {
                severity: Severity::Warning,
                what: "the newest backup of source 'data' is 40 h old; the objective is 24h".into(),
                next: Some("carelogctl backup".into()),
            },
        ],
        // Ages depend on the moment at which the test runs.
        protected_since: None,
        newest_verified: None,
        kept: vec![],
        queued: vec![],
        ..samples::status()
    };
    let ran = daemon_replying(Reply::Status(Box::new(status))).run(["status"]);
    hold_against("status.txt", &ran.stdout);
}

#[test]
fn whom_to_call_is_said_only_when_something_is_critical() {
    let of = |severity| {
        let problems = vec![Problem { severity, what: "a".into(), next: None }];
        let daemon = daemon_replying(Reply::Status(Box::new(Status { problems, ..samples::status() })));
        [&["status"][..], &["status", "--check"]].map(|args| daemon.run(args).stdout.contains("Dr. A. Admin, ext. 17"))
    };
    assert_eq!(of(Severity::Warning), [false, false]);
    assert_eq!(of(Severity::Critical), [true, true]);
}

#[test]
fn alerts_are_listed_with_who_knows_and_what_to_do() {
    let over = Alert { resolved_at: Some(Time(1_761_753_000_000)), key: "low_disk/store".into(), ..samples::alert() };
    let items = vec![samples::alert(), over];
    let daemon = daemon_replying(Reply::Alerts(Page { items, more: false }));
    let ran = daemon.run(["alerts", "--all"]);
    assert_eq!(daemon.requests.recv().expect("asked"), Request::Alerts { all: true });
    for part in ["missing_backup/data", "known to alice: a disk is ordered", "next for missing_backup/data: carelogctl"]
    {
        assert!(ran.stdout.contains(part), "{part} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("next for low_disk/store"), "it is over: {}", ran.stdout);
    assert_eq!(daemon.run(["alerts", "--json"]).document()["alerts"][1]["key"], "low_disk/store");
    let none = daemon_replying(Reply::Alerts(Page { items: vec![], more: false }));
    assert_eq!(none.run(["alerts"]).stdout, "no alerts\n");
}

#[test]
fn an_alert_is_acknowledged_with_a_reason_and_shown() {
    let daemon = daemon_replying(Reply::Alert(Box::new(samples::alert())));
    assert_eq!(daemon.run(["alerts", "ack", "missing_backup/data"]).code, Some(2), "why is asked for");
    let ran = daemon.run(["alerts", "ack", "missing_backup/data", "-m", "a disk is ordered"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("alice: a disk is ordered"), "{}", ran.stdout);
    let asked =
        Request::AcknowledgeAlert { id: "missing_backup/data".to_owned(), description: "a disk is ordered".to_owned() };
    assert_eq!(daemon.requests.recv().expect("asked"), asked);
}

#[test]
fn a_check_is_one_line_with_performance_data_and_the_code_of_a_plugin() {
    let unprotected = Status { verdict: Verdict::Unprotected, problems: vec![], ..samples::status() };
    let protected = Status { verdict: Verdict::Protected, problems: vec![], ..samples::status() };
    for (status, code, word) in [(protected, 0, "OK"), (samples::status(), 1, "WARNING"), (unprotected, 2, "CRITICAL")]
    {
        let ran = daemon_replying(Reply::Status(Box::new(status))).run(["status", "--check"]);
        assert_eq!(ran.code, Some(code));
        assert!(ran.stdout.starts_with(&format!("CARELOG {word} - ")), "{}", ran.stdout);
        let performance = " | 'data_age'=7200s;86400;;0 store_free=274877906944B;;;0;1099511627776 ";
        assert!(ran.stdout.contains(performance) && ran.stdout.lines().count() == 1, "{}", ran.stdout);
    }
}

#[test]
fn a_daemon_that_does_not_run_is_told_with_the_status_that_it_left() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let run = |args: &[&str]| {
        Ran::new(&client(args).env("CARELOG_SOCKET", dir.path().join("socket")).output().expect("runs"))
    };
    let without = run(&["status"]);
    assert_eq!((without.code, without.stdout.as_str()), (Some(6), ""));
    assert!(without.stderr.contains("systemctl start carelogd"), "{}", without.stderr);

    let document = serde_json::to_string(&Document::new(Document::STATUS, samples::status())).expect("prints");
    fs::write(dir.path().join("status.json"), document).expect("written");
    let checked = run(&["status", "--check"]);
    assert_eq!(checked.code, Some(2));
    let told = "CARELOG CRITICAL - carelogd does not run; it wrote its status ";
    assert!(checked.stdout.starts_with(told) && checked.stdout.lines().count() == 1, "{}", checked.stdout);
    assert!(
        checked.stdout.contains("at risk (WARNING); call Dr. A. Admin, ext. 17 | 'data_age'="),
        "{}",
        checked.stdout
    );
    let with = run(&["status"]);
    assert_eq!(with.code, Some(6));
    assert!(
        with.stdout.starts_with("THE DAEMON DOES NOT RUN. It wrote the following ") && with.stdout.contains("AT RISK")
    );
    assert!(with.stderr.contains("ago"), "{}", with.stderr);
    assert_eq!(run(&["status", "--json"]).document()["schema"], "carelog.status/1");

    let check = run(&["status", "--check"]);
    assert_eq!((check.code, check.stdout.lines().count()), (Some(2), 1), "{}", check.stdout);
}

#[test]
fn a_daemon_of_another_protocol_is_told_with_the_side_to_upgrade() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let socket = dir.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("binds");
    let other = std::thread::spawn(move || {
        let (mut stream, _address) = listener.accept().expect("accepted");
        std::io::Write::write_all(&mut stream, b"\0\0\0\x09CLOG\0\x099.9").expect("sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("closed");
    });
    let ran = Ran::new(&client(["jobs"]).env("CARELOG_SOCKET", &socket).output().expect("runs"));
    other.join().expect("ended");
    assert_eq!(ran.code, Some(6));
    assert!(ran.stderr.contains("version 9.9") && ran.stderr.contains("next: upgrade carelogctl"), "{}", ran.stderr);
}

#[test]
fn the_audit_trail_is_listed_and_a_broken_one_exits_7() {
    let daemon = FakeDaemon::start(|request| match request {
        Request::AuditVerify => vec![samples::replies().remove(17)],
        _ => vec![samples::replies().remove(16)],
    });
    let list = daemon.run(["audit", "--user", "alice"]);
    assert!(list.stdout.contains("not an admin"), "{}", list.stdout);
    assert_eq!(list.stdout, daemon.run(["audit", "list", "--user", "alice"]).stdout);
    let broken = daemon.run(["audit", "verify"]);
    assert_eq!(broken.code, Some(7));
    assert!(broken.stderr.contains("at record 5"), "{}", broken.stderr);
}

#[test]
fn completions_name_the_commands() {
    let ran = Ran::new(&client(["completions", "bash"]).output().expect("runs"));
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("restore"), "{}", ran.stdout);
}
