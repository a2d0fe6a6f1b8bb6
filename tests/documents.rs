//! Every command that the documents show is executed, in the order in which it stands there.
//!
//! The blocks marked `sh` of a document are one script, run where the paths of an installed system stand for those of a
//! world of its own. A block marked `sh no-test` needs a whole machine, or somebody who types.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::clinic::write_file;
use crate::support::process::{Answer, carelogctl, carelogd, has_tools, hermetic, run};
use crate::support::tree_diff::assert_same;
use crate::support::{TreeImage, World};

fn document(relative: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)).unwrap()
}

/// The blocks marked `mark`, one behind the other.
fn blocks(text: &str, mark: &str) -> String {
    script(text, mark).lines().filter(|line| !line.starts_with(": the block at")).collect::<Vec<_>>().join("\n")
}

/// The same as a script, with a word before each block that says where it stands if it fails.
fn script(text: &str, mark: &str) -> String {
    let mut lines = Vec::new();
    let mut is_inside = false;
    for (number, line) in text.lines().enumerate() {
        match (is_inside, line.strip_prefix("```")) {
            (false, Some(info)) if info == mark => {
                is_inside = true;
                lines.push(format!(": the block at line {}", number + 1));
            }
            (true, Some(_)) => is_inside = false,
            (true, None) => lines.push(line.to_owned()),
            (false, _) => {}
        }
    }
    lines.join("\n")
}

/// Runs `script` in `dir` with both programs on the path.
fn execute(world: &World, dir: &Path, script: &str) -> Answer {
    let programs = carelogctl().parent().unwrap().to_owned();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", programs.display());
    let mut shell = hermetic(Path::new("/bin/bash"), dir);
    shell.env("PATH", path).env("CARELOG_SOCKET", world.socket()).args(["-euxo", "pipefail", "-c", script]);
    run(&mut shell)
}

/// `script` with the places of an installed system replaced by those of `world`.
fn placed(script: &str, world: &World) -> String {
    let places = [
        ("/tmp/", format!("{}/", world.path("scratch").display())),
        ("/var/lib/carelog/backups", world.backups().display().to_string()),
        ("/etc/carelog/carelogd.toml", world.config_file().display().to_string()),
    ];
    places.iter().fold(script.to_owned(), |script, (installed, here)| script.replace(installed, here))
}

/// The commands of `relative` in a world in which a daemon runs and has taken a backup.
fn follow(relative: &str) {
    if !has_tools(&["tar", "zstd", "sha256sum"]) {
        return;
    }
    let world = World::new();
    fs::create_dir(world.path("scratch")).unwrap();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let (studies, records) = (TreeImage::of(&world.clinic.studies), world.clinic.records());
    let script = script(&document(relative), "sh");
    assert!(script.lines().count() > 10, "the commands of {relative} were not found");
    execute(&world, &world.path(""), &placed(&script, &world)).expect_code(0);
    // Whatever was restored was the same clinic.
    assert_same(&studies, &TreeImage::of(&world.clinic.studies));
    assert_eq!(world.clinic.records(), records);
    daemon.stop();
}

#[test]
fn the_commands_of_the_readme_work() {
    follow("README.md");
}

#[test]
fn the_commands_of_the_operations_guide_work() {
    follow("docs/OPERATIONS.md");
}

#[test]
fn the_commands_of_the_format_work_without_us() {
    if !has_tools(&["tar", "zstd", "sha256sum"]) {
        return;
    }
    let world = World::new();
    write_file(&world.clinic.studies.join("2024/scan.dcm"), b"DICM");
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    daemon.stop();
    // The names that the page uses.
    let page = world.path("page");
    fs::create_dir(&page).unwrap();
    let archive = world.store_files().into_iter().find(|name| name.ends_with(".tar.zst")).unwrap();
    for name in ["backup_2025-10-29_14-30-00.tar.zst", "NAME.tar.zst"] {
        fs::copy(world.backups().join(&archive), page.join(name)).unwrap();
        let sum = fs::read_to_string(world.backups().join(format!("{archive}.sha256"))).unwrap();
        fs::write(page.join(format!("{name}.sha256")), sum.replace(&archive, name)).unwrap();
    }
    let answer = execute(&world, &page, &script(&document("docs/FORMAT.md"), "sh")).expect_code(0);
    assert!(answer.stdout.contains("backup_2025-10-29_14-30-00.tar.zst: OK"), "{answer:?}");
    assert!(answer.stdout.contains("\"path\":\"studies/2024/scan.dcm\""), "{answer:?}");
    assert_eq!(fs::read(page.join("studies/2024/scan.dcm")).unwrap(), b"DICM");
}

#[test]
fn the_configuration_that_the_readme_shows_is_in_order() {
    let world = World::new();
    let config = world.path("readme.toml");
    fs::write(&config, blocks(&document("README.md"), "toml")).unwrap();
    world.carelogd(&["check-config", "--config", config.to_str().unwrap()]).expect_code(0);
}

#[test]
fn the_recipes_of_the_notices_are_in_order() {
    let world = World::new();
    let recipes = blocks(&document("docs/NOTICES.md"), "toml");
    assert_eq!(recipes.matches("[[webhook]]").count(), 6);
    world.write_config(&format!("{}\n{recipes}", world.config()));
    world.carelogd(&["check-config", "--config", world.config_file().to_str().unwrap()]).expect_code(0);
}

#[test]
fn the_commands_that_are_not_executed_name_programs_and_files_that_exist() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let untested = blocks(&document("README.md"), "sh no-test");
    let built = carelogd().parent().unwrap().to_owned();
    for word in untested.split_whitespace().filter(|word| word.contains('/') && !word.starts_with('/')) {
        let exists = match word.strip_prefix("target/release/") {
            Some(program) => built.join(program).exists(),
            None => root.join(word).exists(),
        };
        assert!(exists, "the README names '{word}', which does not exist");
    }
    assert!(untested.contains("cargo run --release --bin carelogd -- quickstart"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for relative in [
        "README.md",
        "docs/OPERATIONS.md",
        "docs/FORMAT.md",
        "docs/ARCHITECTURE.md",
        "docs/PERFORMANCE.md",
        "docs/NOTICES.md",
    ] {
        let text = document(relative);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let path = root.join(relative).parent().unwrap().join(target);
            assert!(path.exists(), "{relative} links to {target}");
        }
    }
}

#[test]
fn the_comparison_with_other_tools_runs_and_prints_its_table() {
    if !has_tools(&["python3", "tar", "zstd", "sha256sum"]) {
        return;
    }
    let work = tempfile::Builder::new().prefix("cmp-").tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/compare.py");
    let programs = carelogctl().parent().unwrap().to_owned();
    let mut command = hermetic(Path::new("/usr/bin/env"), work.path());
    command.args(["python3", "-B"]).arg(script).args(["--files", "300", "--rounds", "1"]);
    let answer = run(command.arg("--work").arg(work.path()).arg("--programs").arg(programs)).expect_code(0);
    for row in ["first backup", "verify", "full restore", "one file", "peak memory", "size"] {
        assert!(answer.stdout.contains(&format!("\n| {row} | ")), "'{row}' is not in\n{}", answer.stdout);
    }
}
