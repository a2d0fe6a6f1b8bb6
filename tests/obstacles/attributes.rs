//! Extended attributes, labels and ACLs that the target cannot carry.

use std::fs;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::XattrFlags;

use super::foreign_backup;
use crate::support::World;
use crate::support::mount::may_mount;
use crate::support::process::{has_tools, hermetic, run};
use crate::support::unprivileged::runs_as_nobody;

fn set(path: &Path, name: &str) {
    rustix::fs::setxattr(path, name, b"value", XattrFlags::empty()).unwrap();
}

#[test]
fn what_the_file_system_cannot_carry_is_named_and_the_rest_is_restored() {
    if !may_mount() || !has_tools(&["setfacl"]) {
        return;
    }
    let world = World::new();
    let report = |n: u32| world.clinic.studies.join(format!("study-00{n}/report.txt"));
    set(&report(0), "user.note");
    set(&report(1), "security.label");
    set(&world.clinic.data, "user.note");
    set(&world.clinic.studies, "user.on_root");
    let folder = world.clinic.studies.join("incoming");
    let acl = ["--modify", "user:12345:rwx"];
    run(hermetic(Path::new("setfacl"), Path::new("/")).args(acl).arg(&folder)).expect_code(0);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);

    // As after a move to a disk that has neither.
    let clinic = world.path("clinic");
    let (outer, target) = (world.path("outer"), world.path("outer/target"));
    fs::create_dir(&outer).unwrap();
    for place in [&clinic, &outer] {
        mount(Some("ramfs"), place, Some("ramfs"), MsFlags::empty(), None::<&str>).unwrap();
    }
    fs::create_dir(&target).unwrap();
    fs::create_dir(&world.clinic.studies).unwrap();
    fs::write(world.clinic.studies.join("new"), "new").unwrap();
    fs::write(&world.clinic.data, "{}").unwrap();
    for args in [vec!["restore", "latest", "--yes"], vec!["restore", "latest", "--to", target.to_str().unwrap()]] {
        let answer = world.ctl(&args).expect_code(3);
        let said = answer.stdout + &answer.stderr;
        for part in [
            "an extended attribute or ACL could not be set",
            "data.json (user.note: ",
            "studies/study-000/report.txt (user.note: ",
            "studies/study-001/report.txt (security.label: ",
            "studies/ (user.on_root: ",
            "studies/incoming/ (system.posix_acl_access: ",
        ] {
            assert!(said.contains(part), "{args:?}: '{part}' is not in {said}");
        }
    }
    for tree in [&world.clinic.studies, &target.join("studies")] {
        assert!(tree.join("study-005/report.txt").exists() && !tree.join("new").exists());
    }
    assert!(world.clinic.records()["patients"].is_array());
    for place in [&clinic, &outer] {
        umount2(place, MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn without_rights_the_attributes_of_root_are_named_and_the_rest_is_restored() {
    if runs_as_nobody("obstacles::attributes::without_rights_the_attributes_of_root_are_named_and_the_rest_is_restored")
    {
        return;
    }
    let world = World::new();
    let own = rustix::process::geteuid().as_raw();
    let labelled = r#","xattrs":{"security.label":"a","trusted.note":"b"}"#;
    let name = foreign_backup(&world, [("labelled", own, labelled), ("plain", own, "")]);
    let _daemon = world.start();
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    for args in [vec!["restore", &name, "--yes"], vec!["restore", &name, "--to", target.to_str().unwrap()]] {
        let answer = world.ctl(&args).expect_code(3);
        let said = answer.stdout + &answer.stderr;
        for part in ["studies/labelled (security.label: ", "studies/labelled (trusted.note: "] {
            assert!(said.contains(part), "{args:?}: '{part}' is not in {said}");
        }
        assert!(!said.contains("studies/plain"), "{said}");
    }
    for tree in [&world.clinic.studies, &target.join("studies")] {
        assert!(tree.join("labelled").exists() && tree.join("plain").exists());
    }
}
