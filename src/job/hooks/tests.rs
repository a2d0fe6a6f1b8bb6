//! Real programs.

use nix::unistd::{Uid, User};

use super::*;

fn shell(script: &str) -> Hook {
    hook(&["/bin/sh", "-c", script])
}

fn hook(argv: &[&str]) -> Hook {
    let run_as = User::from_uid(Uid::effective()).unwrap().unwrap().name;
    Hook { argv: argv.iter().map(|&argument| argument.to_owned()).collect(), timeout: Duration::from_secs(60), run_as }
}

fn about() -> About {
    About { job: JobId::generate(), backup: None, status: JobState::Running }
}

fn run_it(hook: &Hook) -> Result<Ran, HookError> {
    run("test", hook, about(), &CancellationToken::new())
}

/// Whether the process group still has a member that is not a zombie.
fn is_alive(group: &str) -> bool {
    killpg(Pid::from_raw(group.trim().parse().unwrap()), None).is_ok()
}

#[test]
fn a_hook_sees_what_it_is_told_and_nothing_else() {
    let about = About { backup: Some(BackupId::generate()), status: JobState::Failed, ..about() };
    let ran = run("test", &hook(&["env"]), about, &CancellationToken::new()).unwrap();
    let mut lines: Vec<_> = ran.output.lines().collect();
    lines.sort_unstable();
    let expected = [
        format!("CARELOG_BACKUP_ID={}", about.backup.unwrap()),
        format!("CARELOG_JOB_ID={}", about.job),
        "CARELOG_STATUS=failed".to_owned(),
        format!("PATH={PATH}"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn arguments_are_never_read_by_a_shell() {
    let ran = run_it(&hook(&["printf", "%s", "$(id) ; `id` > x"])).unwrap();
    assert_eq!(ran.output, "$(id) ; `id` > x");
}

#[test]
fn the_end_of_a_long_output_is_kept_and_both_streams_are_read() {
    let ran = run_it(&shell("seq 1 100000; echo to stderr >&2")).unwrap();
    assert_eq!(ran.output.len(), KEPT_OUTPUT);
    assert!(ran.output.ends_with("99999\n100000\nto stderr\n"), "{}", ran.output);
}

#[test]
fn a_hook_that_fails_is_told_with_its_code_and_its_words() {
    let error = run_it(&shell("echo no database >&2; exit 3")).unwrap_err().to_string();
    assert_eq!(error, "the hook 'test' failed (exit status: 3) and printed: no database");
}

#[test]
fn a_hook_that_hangs_is_killed_with_everything_it_started() {
    let hook = Hook { timeout: Duration::from_millis(300), ..shell("echo $$; sleep 1000 & sleep 1000") };
    let error = run_it(&hook).unwrap_err();
    let HookError::TimedOut { output, .. } = &error else { panic!("{error}") };
    let began = Instant::now();
    // The kernel ends a killed process when it gets to it.
    while is_alive(output) {
        assert!(began.elapsed() < Duration::from_secs(60), "{output} lives on");
        std::thread::yield_now();
    }
}

#[test]
fn what_a_hook_leaves_in_the_background_is_not_waited_for() {
    let ran = run_it(&shell("echo $$; sleep 1000 & exit 0")).unwrap();
    killpg(Pid::from_raw(ran.output.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
}

#[test]
fn a_cancelled_job_does_not_wait_for_its_hook() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = run("test", &shell("sleep 1000"), about(), &cancel).unwrap_err();
    assert!(matches!(error, HookError::Cancelled(_)), "{error}");
}

#[test]
fn a_program_that_is_not_there_and_a_user_that_is_none_are_named() {
    let error = run_it(&hook(&["/nowhere/program"])).unwrap_err().to_string();
    assert!(error.contains("'test' could not be run: /nowhere/program: No such file"), "{error}");
    let nobody = Hook { run_as: "no-such-user".to_owned(), ..hook(&["true"]) };
    let error = check("test", &nobody).unwrap_err().to_string();
    assert_eq!(error, "the hook 'test' cannot run as 'no-such-user': this system has no such user");
}

#[test]
fn run_as_gives_the_user_and_its_main_group_and_no_other() {
    if !Uid::effective().is_root() {
        return;
    }
    let other = Hook { run_as: "daemon".to_owned(), ..shell("id -u; id -g; id -G") };
    let user = User::from_name("daemon").unwrap().unwrap();
    let expected = format!("{}\n{}\n{}\n", user.uid, user.gid, user.gid);
    assert_eq!(run_it(&other).unwrap().output, expected);
}
