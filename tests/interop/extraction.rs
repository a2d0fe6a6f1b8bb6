//! Extraction by other programs.

use std::fs;
use std::path::{Path, PathBuf};

use super::Backup;
use crate::support::TreeImage;
use crate::support::process::has_tools;
use crate::support::tree_diff::assert_same;
use crate::support::tree_image::{Image, Kind};

const CODECS: [&str; 3] = ["zstd", "gzip", "none"];

#[test]
fn gnu_tar_makes_the_same_tree() {
    if !has_tools(&["tar", "zstd", "gzip"]) {
        return;
    }
    for codec in CODECS {
        let backup = Backup::of_codec(codec);
        let target = target(&backup);
        // It remarks on every time before 1970 or in the future, and sets them all the same.
        let quiet = "--warning=no-timestamp";
        let options = ["--xattrs", "--xattrs-include=*", "--acls", "-p", "--numeric-owner", quiet, "-C"];
        let args = [&["-xf", backup.name()], &options[..], &[target.to_str().unwrap()]].concat();
        let answer = backup.run("tar", &args).expect_code(0);
        assert_eq!(answer.stderr, "", "{codec}");
        same_as_far_as_it_can(&backup, &target, 0, |_, image| image);
    }
}

#[test]
fn bsdtar_makes_the_same_tree() {
    if !has_tools(&["bsdtar", "zstd", "gzip"]) {
        return;
    }
    for codec in CODECS {
        let backup = Backup::of_codec(codec);
        let target = target(&backup);
        let options = ["--xattrs", "--acls", "-p", "--numeric-owner", "-C"];
        let args = [&["-xf", backup.name()], &options[..], &[target.to_str().unwrap()]].concat();
        let answer = backup.run("bsdtar", &args).expect_code(0);
        assert_eq!(answer.stderr, "", "{codec}");
        same_as_far_as_it_can(&backup, &target, 0, |path, mut image| {
            // A fraction before 1970 it takes for one that counts backwards.
            if path == b"times/before-1970-with-fraction" {
                image.mtime_ns = 0;
            }
            // An equals sign in a name is encoded as GNU tar does it, which it does not decode.
            image.xattrs.remove(&b"user.equals=sign"[..]);
            image.xattrs.remove(&b"user.equals%3Dsign"[..]);
            image
        });
    }
}

#[test]
fn pythons_tarfile_makes_the_same_tree() {
    if !has_tools(&["python3", "zstd", "gzip"]) {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/interop/extract.py");
    for codec in CODECS {
        let backup = Backup::of_codec(codec);
        let target = target(&backup);
        let to = target.to_str().unwrap();
        // It reads zstd from 3.14 on only.
        let plain = backup.world.path("decompressed.tar");
        let archive = match codec {
            "zstd" => {
                backup.run("zstd", &["-d", "-q", backup.name(), "-o", plain.to_str().unwrap()]).expect_code(0);
                plain.to_str().unwrap()
            }
            _ => backup.name(),
        };
        let answer = backup.run("python3", &[script, archive, to]).expect_code(0);
        assert_eq!(answer.stderr, "", "{codec}");
        // It calculates with times in floating point: about a quarter of a microsecond is lost around now.
        same_as_far_as_it_can(&backup, &target, 1000, |path, mut image| {
            // It knows neither extended attributes nor ACLs, and sets no time of a link.
            image.xattrs.clear();
            if matches!(image.kind, Kind::Symlink(_)) {
                image.mtime_ns = 0;
            }
            // Of a link that leads nowhere it makes another one instead of a second name.
            if path.starts_with(b"links/dangling") {
                image.same_as = None;
            }
            image
        });
    }
}

fn target(backup: &Backup) -> PathBuf {
    let target = backup.world.path("extracted");
    fs::create_dir(&target).unwrap();
    target
}

/// Compares the extracted tree with the live one. Times may be off by `off_ns`; `promised` takes from either what the
/// program does not promise to bring back.
#[track_caller]
fn same_as_far_as_it_can(backup: &Backup, target: &Path, off_ns: i128, promised: impl Fn(&[u8], Image) -> Image) {
    let original = &backup.studies.entries;
    let extracted = TreeImage::of(&target.join("studies")).map(|path, mut image| {
        let meant = original.get(path).map(|image| image.mtime_ns);
        if let Some(meant) = meant.filter(|meant| (meant - image.mtime_ns).abs() <= off_ns) {
            image.mtime_ns = meant;
        }
        Some(image)
    });
    // Each program chooses its holes by its own blocks.
    let reduced = |tree: TreeImage| tree.without_holes().map(|path, image| Some(promised(path, image)));
    assert_same(&reduced(backup.studies.clone()), &reduced(extracted));
    for name in ["data.json", "metadata.json", "manifest.jsonl", "restore-point.json", ".carelog/index"] {
        assert!(target.join(name).is_file(), "{name}");
    }
}
