//! Archives cut short.

use std::fs::{self, File};

use crate::support::World;

#[test]
fn an_archive_cut_at_any_length_is_refused_and_named() {
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
        let cut = world.path("cut");
        fs::copy(&archive, &cut).unwrap();
        let mut lengths: Vec<u64> = tail.map(|missing| size - missing).chain(strides).chain([0, 1]).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        for length in lengths {
            File::options().write(true).open(&cut).unwrap().set_len(length).unwrap();
            let target = world.path("target");
            let answer = world.carelogd(&["extract", cut.to_str().unwrap(), "--to", target.to_str().unwrap()]);
            assert_eq!(answer.code, 7, "{codec}, {length} of {size} bytes: {}", answer.stderr);
            assert!(answer.stderr.contains("not a complete CareLog archive"), "{}", answer.stderr);
            assert!(answer.stderr.contains(cut.to_str().unwrap()), "{}", answer.stderr);
            assert!(!target.exists(), "a folder was made for nothing");
        }
    }
}
