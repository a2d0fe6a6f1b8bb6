//! The disk of the database server is full.

use std::fs::File;

use super::site::{CLINIC, Site, make_clinic};
use super::trouble::assert_says;
use crate::support::mount::{Tmpfs, may_mount};
use crate::support::postgres::{Cluster, has_postgres};

/// A table of which a dump holds little and the server much: what is generated is not dumped.
const SCANS: &str =
    "CREATE TABLE public.scan (id int, image text GENERATED ALWAYS AS (repeat(md5(id::text), 250)) STORED);
     ALTER TABLE public.scan ALTER COLUMN image SET STORAGE EXTERNAL;
     INSERT INTO public.scan SELECT n FROM generate_series(1, 6000) n;";
/// Room for an empty database, and not for the scans.
const LEFT_BYTES: u64 = 24 << 20;

#[test]
fn a_disk_that_gets_full_on_the_server_fails_the_restore_and_what_was_loaded_is_dropped() {
    if !has_postgres() || !may_mount() {
        return;
    }
    let mut mounted = None;
    let cluster = Cluster::start_on(|data| mounted = Some(Tmpfs::mount(data, 200 << 10)));
    let disk = mounted.unwrap();
    make_clinic(&cluster);
    cluster.psql(CLINIC, SCANS);
    let mut site = Site::of(cluster, CLINIC, |_, section| section);
    // Beforehand it looks as if there were room.
    site.cluster.psql(CLINIC, "TRUNCATE public.scan; CHECKPOINT;");
    site.now = site.live();
    let filler = disk.path().join("filler");
    let space = nix::sys::statvfs::statvfs(disk.path()).unwrap();
    let free = space.blocks_available() * space.fragment_size();
    let file = File::create(&filler).unwrap();
    nix::fcntl::posix_fallocate(&file, 0, (free - LEFT_BYTES).try_into().unwrap()).unwrap();

    let daemon = site.world.start();
    let answer = site.restore().expect_code(1);
    assert_says(&answer, &["No space left on device", "the disk of the database server at", "free space there"]);
    assert_says(&answer, &["everything live is as it was"]);
    assert_eq!(site.live(), site.now);
    assert_eq!(site.databases(), [CLINIC]);

    drop(file);
    std::fs::remove_file(filler).unwrap();
    site.restore().expect_code(0);
    site.live().database.assert_same_as(&site.then.database);
    daemon.stop();
}
