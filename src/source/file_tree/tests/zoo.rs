//! A tree with every kind of file and every kind of metadata that this machine and this user can make.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{AtFlags, CWD, FileType, Mode, XattrFlags, makedev};

use crate::archive::Mtime;
use crate::source::apply::times;

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes the zoo at `root`, which does not exist.
pub(super) fn make(root: &Path) {
    fs::create_dir(root).unwrap();
    names(root);
    contents(root);
    kinds(root);
    attributes(root);
    if is_root() {
        owners_and_devices(root);
    }
    // Last: everything above changed the times of folders.
    times_of(root);
}

fn names(root: &Path) {
    let folder = root.join("names");
    fs::create_dir(&folder).unwrap();
    for name in
        [&b"not utf8 \xff\xfe"[..], b"line\nbreak", b" space ", b"-dash", b"a.b", b"a", b"%41\\", "Müller".as_bytes()]
    {
        fs::write(folder.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::create_dir(folder.join("a-")).unwrap();
    fs::create_dir(folder.join("a.")).unwrap();
    fs::write(folder.join("a.").join("inside"), "").unwrap();
    fs::write(folder.join("x".repeat(255)), "long").unwrap();
    let mut deep = folder;
    for _ in 0..12 {
        deep.push("d".repeat(120));
        fs::create_dir(&deep).unwrap();
    }
    fs::write(deep.join("bottom"), "deep").unwrap();
}

fn contents(root: &Path) {
    let folder = root.join("contents");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    // Larger than a frame, and not compressible, so that it spans several.
    let mut seed = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    })
    .take(11_000_000)
    .collect();
    fs::write(folder.join("large"), &noise).unwrap();
    // The same content again: chunks that were written already.
    fs::write(folder.join("large copy"), &noise[..9_000_000]).unwrap();
    fs::write(folder.join("repeating"), vec![b'r'; 9_000_000]).unwrap();
    for index in 0..600 {
        fs::write(folder.join(format!("small {index}")), &noise[..index * 7]).unwrap();
    }
    let sparse = |name: &str, size: u64, runs: &[(u64, usize)]| {
        let file = File::create(folder.join(name)).unwrap();
        file.set_len(size).unwrap();
        for &(offset, length) in runs {
            file.write_all_at(&noise[..length], offset).unwrap();
        }
    };
    sparse("only a hole", 1 << 20, &[]);
    sparse("holes", 300 << 20, &[(0, 100), (5 << 20, 70_000), (200 << 20, 6_000_000)]);
    sparse("hole at the end", 10 << 20, &[(4096, 4096)]);
    sparse("data at the end", 10 << 20, &[((10 << 20) - 5, 5)]);
}

fn kinds(root: &Path) {
    let folder = root.join("kinds");
    fs::create_dir_all(folder.join("empty folder")).unwrap();
    fs::write(folder.join("first name"), "several names").unwrap();
    fs::hard_link(folder.join("first name"), folder.join("second name")).unwrap();
    fs::hard_link(folder.join("first name"), root.join("third name")).unwrap();
    symlink("first name", folder.join("link")).unwrap();
    symlink("nowhere", folder.join("dangling")).unwrap();
    symlink("/etc", folder.join("out of the tree")).unwrap();
    symlink(OsStr::from_bytes(b"\xff\n"), folder.join("odd target")).unwrap();
    symlink("t".repeat(300), folder.join("long target")).unwrap();
    rustix::fs::mkfifoat(CWD, folder.join("pipe"), Mode::from_raw_mode(0o600)).unwrap();
}

fn attributes(root: &Path) {
    let folder = root.join("attributes");
    fs::create_dir(&folder).unwrap();
    for mode in [0o000, 0o400, 0o644, 0o755, 0o1777, 0o4755, 0o2755] {
        let file = folder.join(format!("mode {mode:o}"));
        fs::write(&file, "m").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        if !is_root() && mode & 0o400 == 0 {
            fs::remove_file(&file).unwrap();
        }
    }
    let file = folder.join("xattrs");
    fs::write(&file, "x").unwrap();
    let set = |name: &str, value: &[u8]| rustix::fs::lsetxattr(&file, name, value, XattrFlags::empty()).unwrap();
    set("user.plain", b"value");
    set("user.like pax", b"1\n21 path=../../escape\n");
    set("user.binary", &[0, 1, 2, 255]);
    set("user.empty", b"");
    set("user.long", &[b'l'; 3000]);
    fs::create_dir(folder.join("read-only folder")).unwrap();
    fs::write(folder.join("read-only folder/file"), "in").unwrap();
    rustix::fs::lsetxattr(folder.join("read-only folder"), "user.on.folder", b"f", XattrFlags::empty()).unwrap();
    let acl = folder.join("acl");
    fs::write(&acl, "acl").unwrap();
    fs::create_dir(folder.join("default acl")).unwrap();
    let setfacl = |arguments: &[&str]| {
        let status = Command::new("setfacl").args(arguments).current_dir(&folder).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    setfacl(&["-m", "u:4711:rw-,g:4712:r--,m::rw-", "acl"]);
    setfacl(&["-d", "-m", "u:4711:rwx", "default acl"]);
    fs::write(folder.join("default acl/inherited"), "").unwrap();
}

fn owners_and_devices(root: &Path) {
    let folder = root.join("root only");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("owned"), "o").unwrap();
    std::os::unix::fs::chown(folder.join("owned"), Some(12_345), Some(54_321)).unwrap();
    fs::write(folder.join("set-uid of another"), "o").unwrap();
    std::os::unix::fs::chown(folder.join("set-uid of another"), Some(1), Some(1)).unwrap();
    fs::set_permissions(folder.join("set-uid of another"), fs::Permissions::from_mode(0o6755)).unwrap();
    symlink("owned", folder.join("owned link")).unwrap();
    std::os::unix::fs::lchown(folder.join("owned link"), Some(12_345), Some(54_321)).unwrap();
    rustix::fs::lsetxattr(folder.join("owned link"), "trusted.on.link", b"l", XattrFlags::empty()).unwrap();
    let node = |name: &str, kind, device| {
        rustix::fs::mknodat(CWD, folder.join(name), kind, Mode::from_raw_mode(0o640), device).unwrap();
    };
    node("character", FileType::CharacterDevice, makedev(1, 3));
    node("block", FileType::BlockDevice, makedev(259, 70_000));
    std::os::unix::fs::chown(folder.join("block"), Some(3), Some(6)).unwrap();
    fs::create_dir(folder.join("folder of another")).unwrap();
    std::os::unix::fs::chown(folder.join("folder of another"), Some(12_345), Some(54_321)).unwrap();
    fs::set_permissions(folder.join("folder of another"), fs::Permissions::from_mode(0o2770)).unwrap();
    // cap_net_raw+ep, in the form of revision 2.
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    fs::write(folder.join("capable"), "c").unwrap();
    rustix::fs::lsetxattr(folder.join("capable"), "security.capability", &capability, XattrFlags::empty()).unwrap();
}

fn times_of(root: &Path) {
    let set = |path: &str, seconds, nanoseconds| {
        let parent = File::open(root).unwrap();
        let times = times(Mtime { seconds, nanoseconds });
        rustix::fs::utimensat(parent.as_fd(), path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    };
    set("contents/empty", 0, 0);
    set("contents/small 1", -1, 999_999_999);
    set("contents/small 2", -86_400 * 365 * 20, 123_456_789);
    set("contents/small 3", 1_700_000_000, 1);
    set("contents/small 4", 4_102_444_800, 5);
    set("kinds/link", 1_000_000_000, 7);
    set("kinds/pipe", 1_000_000_000, 8);
    set("kinds/empty folder", 1_000_000_000, 9);
    set("attributes/read-only folder", 1_000_000_001, 0);
    fs::set_permissions(root.join("attributes/read-only folder"), fs::Permissions::from_mode(0o555)).unwrap();
    set("contents", 1_000_000_002, 1);
    set(".", 1_000_000_003, 2);
}
