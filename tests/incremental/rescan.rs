//! `--rescan`: content that changed while nothing else says so.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{Picture, backup, backup_with, id, world_of};
use crate::support::clinic::{noise, write_file};
use crate::support::disks::{Disks, FileSystem};
use crate::support::wait::wait_until;

#[test]
fn a_rescan_finds_what_rotted_on_the_disk_and_stores_it_as_it_is_now() {
    let world = world_of(0);
    let Some(mut disks) = Disks::new() else { return };
    disks.mount(FileSystem::Ext4, &world.clinic.studies);
    let (whole, rotten) = (noise(1, 30_000), noise(2, 30_000));
    let image = world.clinic.studies.join("image.dcm");
    write_file(&image, &whole);
    write_file(&world.clinic.studies.join("other.dcm"), &noise(3, 30_000));
    let written = fs::metadata(&image).unwrap().modified().unwrap();
    // What is younger when it is read is read again next time in any case.
    let settled = written + Duration::from_secs(3);
    wait_until("the files to be old enough", || SystemTime::now() > settled);
    let _daemon = world.start();
    let first = backup(&world);

    disks.rot(&image, &whole, &rotten);

    assert_eq!(fs::read(&image).unwrap(), rotten);
    assert_eq!(fs::metadata(&image).unwrap().modified().unwrap(), written);
    // By size and times nothing changed, so that nobody looks.
    assert_eq!(backup(&world)["new_bytes"], 0);
    let answer = world.ctl(&["backup", "--rescan"]).expect_code(3);
    assert!(answer.stderr.contains("studies/image.dcm: its content is not what it was"), "{answer:?}");
    assert!(!answer.stderr.contains("other.dcm"), "{answer:?}");
    let third = super::show(&world, "latest");
    assert_eq!((&third["mode"], &third["new_bytes"]), (&"incremental".into(), &30_000.into()));
    Picture::live(&world).assert_is(&Picture::restored(&world, id(&third)));
    let before = Picture::restored(&world, id(&first));
    assert_eq!(backup_with(&world, &["--rescan"], 0)["new_bytes"], 0, "it is told once");
    fs::write(&image, &whole).unwrap();
    fs::File::options().write(true).open(&image).unwrap().set_modified(written).unwrap();
    Picture::live(&world).assert_is(&before);
}
