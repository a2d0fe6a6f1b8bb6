//! An archive may come from anywhere. Whatever it holds, nothing outside the target is touched, nothing panics, memory
//! stays bounded, and somebody is told what is wrong.

mod store;
mod truncated;
mod zoo;

use std::fs;
use std::path::Path;

use crate::support::TreeImage;
use crate::support::process::{Answer, carelogd, has_tools, hermetic, run};
use crate::support::tree_diff::assert_same;
use crate::support::unprivileged::runs_as_nobody;

/// A folder beside the target, which no archive may reach.
const OUTSIDE: &str = "outside";

/// No program may take more address space than this (bytes).
const MEMORY: u64 = 1 << 30;

#[test]
fn extract_says_what_is_wrong_and_touches_nothing_outside() {
    if !has_tools(&["prlimit"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for case in zoo::cases() {
        let (answer, escaped) = extract(dir.path(), &case.archive);
        let is_right = answer.code == case.code && answer.stderr.contains(case.says) && !escaped;
        let is_plain = !answer.stderr.contains('\u{1b}') && answer.stderr.len() < 100_000;
        if !is_right || !is_plain {
            let said: String = answer.stderr.chars().take(600).collect();
            wrong.push(format!(
                "{}: exit {} (expected {}), escaped: {escaped}, saying (expected '{}'):\n{}",
                case.name,
                answer.code,
                case.code,
                case.says,
                said.escape_debug()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} hostile archives fare otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_device_is_left_out_for_somebody_who_may_not_make_it() {
    if runs_as_nobody("hostile::a_device_is_left_out_for_somebody_who_may_not_make_it") {
        return;
    }
    use crate::support::evil::{Evil, file, line};
    let dir = tempfile::tempdir().unwrap();
    let device = line("t/disk", "block-device", r#","device":[8,0]"#);
    let (answer, escaped) = extract(dir.path(), &Evil::of(vec![device, file("t/honest")]));
    assert!(!escaped);
    let answer = answer.expect_code(3);
    assert!(answer.stderr.contains("t/disk"), "{}", answer.stderr);
}

/// Extracts an archive in `dir` with bounded memory. Also returns whether anything but the target changed.
fn extract(dir: &Path, archive: &crate::support::evil::Evil) -> (Answer, bool) {
    let (target, outside, path) = (dir.join("target"), dir.join(OUTSIDE), dir.join("archive"));
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    archive.write(&path);
    let before = TreeImage::of(&outside);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "target");
        names.sort();
        names
    };
    let names_before = names();
    let mut command = hermetic(Path::new("prlimit"), dir);
    command.arg(format!("--as={MEMORY}")).arg(carelogd()).arg("extract").arg(&path).arg("--to").arg(&target);
    let answer = run(&mut command);
    let escaped = names() != names_before || before != TreeImage::of(&outside);
    assert_same(&before, &TreeImage::of(&outside));
    if target.exists() {
        fs::remove_dir_all(&target).unwrap();
    }
    (answer, escaped)
}
