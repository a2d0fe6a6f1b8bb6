//! Archives cut short.

use std::fs::{self, File};

use crate::support::tree_diff::assert_same;
use crate::support::{TreeImage, World};

#[test]
fn an_archive_cut_at_any_length_is_named_and_refused_unless_only_its_trailer_is_hurt() {
    for codec in ["zstd", "gzip", "none"] {
        let world = World::new();
        world.edit_config("[backup]", &format!("[backup]\ncompression = \"{codec}\""));
        let daemon = world.start();
        world.ctl(&["backup"]).expect_code(0);
        daemon.stop();
        let name = world.store_files().into_iter().find(|name| name.contains(".tar") && !name.ends_with(".sha256"));
        let archive = world.backups().join(name.unwrap());
        let size = fs::metadata(&archive).unwrap().len();
        // From the end backwards: the trailer byte by byte in steps, then the rest in strides.
        let tail = (1..3000).step_by(97).chain([1, 2, 71, 72, 80, 511, 512, 1024, 2048]);
        let strides = (1..20).map(|n| size * n / 20);
        let sound = world.path("sound");
        world.carelogd(&["extract", archive.to_str().unwrap(), "--to", sound.to_str().unwrap()]).expect_code(0);
        let content =
            |of: &std::path::Path| (fs::read(of.join("data.json")).unwrap(), TreeImage::of(&of.join("studies")));
        let (data, studies) = content(&sound);
        let cut = world.path("cut");
        fs::copy(&archive, &cut).unwrap();
        let mut lengths: Vec<u64> = tail.map(|missing| size - missing).chain(strides).chain([0, 1]).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        let mut salvaged = 0;
        for length in lengths {
            File::options().write(true).open(&cut).unwrap().set_len(length).unwrap();
            let target = world.path("target");
            let answer = world.carelogd(&["extract", cut.to_str().unwrap(), "--to", target.to_str().unwrap()]);
            assert_eq!(answer.code, 7, "{codec}, {length} of {size} bytes: {}", answer.stderr);
            assert!(answer.stderr.contains("not a complete CareLog archive"), "{}", answer.stderr);
            assert!(answer.stderr.contains(cut.to_str().unwrap()), "{}", answer.stderr);
            if target.exists() {
                // Only the trailer, or padding before it, is cut: what lies before it tells where everything is.
                assert!(size - length <= 2048 + 512, "{codec}, {length} of {size} bytes");
                let found = content(&target);
                assert!(data == found.0, "{codec}, {length} of {size} bytes");
                assert_same(&studies, &found.1);
                fs::remove_dir_all(&target).unwrap();
                salvaged += 1;
            }
        }
        assert!(salvaged > 0, "{codec}: one byte too few costs everything");
    }
}
