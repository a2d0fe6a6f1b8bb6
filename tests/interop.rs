//! Archives are plain files: the programs that everybody has read them without us, and make the same tree of them, each
//! as far as it can. What each cannot is spelled out with it.

mod documents;
mod extraction;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::process::{Answer, has_tools, hermetic, run};
use crate::support::{TreeImage, World, tree_zoo};

/// A backup of a clinic and a zoo, in a world whose daemon is gone.
struct Backup {
    world: World,
    archive: PathBuf,
    studies: TreeImage,
}

impl Backup {
    fn of_codec(codec: &str) -> Self {
        let world = World::new();
        world.edit_config("[backup]", &format!("[backup]\ncompression = \"{codec}\""));
        tree_zoo::make(&world.clinic.studies);
        let daemon = world.start();
        world.ctl(&["backup"]).expect_code(0);
        daemon.stop();
        let is_archive = |name: &&String| name.starts_with("backup_") && !name.ends_with(".sha256");
        let archive = world.backups().join(world.store_files().iter().find(is_archive).unwrap());
        let studies = TreeImage::of(&world.clinic.studies).without_sockets();
        Self { world, archive, studies }
    }

    fn name(&self) -> &str {
        self.archive.file_name().unwrap().to_str().unwrap()
    }

    /// `program ARGS` in the store.
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = hermetic(Path::new(program), &self.world.backups());
        command.args(args);
        command
    }

    /// What `program ARGS` answers, in the store.
    fn run(&self, program: &str, args: &[&str]) -> Answer {
        run(&mut self.command(program, args))
    }

    /// The tar within, decompressed by the program that everybody has for it, as standard input of `command`.
    fn piped_into(&self, mut command: Command) -> Answer {
        let decompressor = match self.name().rsplit_once('.').unwrap().1 {
            "zst" => "zstd",
            "gz" => "gzip",
            _ => "cat",
        };
        let args: &[&str] = if decompressor == "cat" { &[self.name()] } else { &["-dc", self.name()] };
        let mut source = self.command(decompressor, args).stdout(Stdio::piped()).spawn().unwrap();
        let answer = run(command.stdin(source.stdout.take().unwrap()));
        assert!(source.wait().unwrap().success(), "{decompressor} failed");
        answer
    }
}

#[test]
fn a_zstd_archive_satisfies_the_programs_that_check_archives() {
    if has_tools(&["zstd", "tar", "bsdtar", "sha256sum"]) {
        checks_are_satisfied("zstd", Some("zstd"));
    }
}

#[test]
fn a_gzip_archive_satisfies_the_programs_that_check_archives() {
    if has_tools(&["gzip", "tar", "bsdtar", "sha256sum"]) {
        checks_are_satisfied("gzip", Some("gzip"));
    }
}

#[test]
fn a_plain_tar_satisfies_the_programs_that_check_archives() {
    if has_tools(&["tar", "bsdtar", "sha256sum"]) {
        checks_are_satisfied("none", None);
    }
}

/// Each ends well and has nothing to remark: no unknown header, no garbage at the end.
fn checks_are_satisfied(codec: &str, tester: Option<&str>) {
    let backup = Backup::of_codec(codec);
    let quietly = |program: &str, args: &[&str]| {
        let answer = backup.run(program, args).expect_code(0);
        assert_eq!(answer.stderr, "", "{program} {args:?}");
        answer
    };
    let name = backup.name();
    let checked = quietly("sha256sum", &["-c", &format!("{name}.sha256")]);
    assert_eq!(checked.stdout, format!("{name}: OK\n"));
    if let Some(tester) = tester {
        quietly(tester, &["-t", "-q", name]);
    }
    let first = quietly("tar", &["-tf", name]).stdout;
    assert!(first.starts_with("metadata.json\ndata.json\nstudies/\nstudies/"), "{}", &first[..200]);
    assert!(first.contains("manifest.jsonl\n.carelog/index\nrestore-point.json\n"), "{first}");
    quietly("bsdtar", &["-tf", name]);
    // A reader that goes on behind the end of the tar must not stumble over ours.
    quietly("tar", &["--ignore-zeros", "-tf", name]);
    let listed = backup.piped_into(backup.command("tar", &["-tf", "-"])).expect_code(0);
    assert_eq!((listed.stdout, listed.stderr), (first, String::new()));
}
