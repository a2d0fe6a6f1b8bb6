//! A tree with every kind of file, name, time and attribute that a backup has to keep.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, utimensat};
use rustix::io::Errno;

use super::clinic::{noise, write_file};
use super::process::is_root;

/// Makes the tree in the new folder `root` and returns the names of what this file system or this user cannot have. A
/// test that wants everything asserts that the list is empty.
pub(crate) fn make(root: &Path) -> Vec<&'static str> {
    fs::create_dir_all(root).unwrap();
    let mut left_out = Vec::new();
    contents(root);
    names(root);
    links(root);
    specials(root);
    sparse_files(root);
    let mut attempt = |what: &'static str, made: io::Result<()>| match made.map_err(|e| (e.raw_os_error(), e)) {
        Ok(()) => {}
        Err((Some(code), _)) if [Errno::OPNOTSUPP, Errno::PERM].map(Errno::raw_os_error).contains(&code) => {
            left_out.push(what);
        }
        Err((_, error)) => panic!("{what}: {error}"),
    };
    attempt("user attributes", user_attributes(root));
    attempt("ACLs", acls(root));
    if is_root() {
        attempt("devices", devices(root));
        attempt("trusted attributes", root_attributes(root));
        owners(root);
    }
    modes(root);
    // Last, because everything before changes the times of the folders.
    times(root);
    left_out
}

fn contents(root: &Path) {
    write_file(&root.join("contents/empty"), b"");
    write_file(&root.join("contents/one-byte"), b"x");
    write_file(&root.join("contents/one-block"), &noise(1, 4096));
    write_file(&root.join("contents/noise-9-mib"), &noise(2, 9 << 20));
    write_file(&root.join("contents/text"), "the same line, again and again\n".repeat(100_000).as_bytes());
    // Written out, not left out: a reader that looks for zeros must not take them for the end.
    write_file(&root.join("contents/zeros"), &vec![0; 3 << 20]);
    for n in 0..300 {
        write_file(&root.join(format!("contents/many/{n:05}")), format!("small file {n}\n").as_bytes());
    }
}

fn names(root: &Path) {
    let dir = root.join("names");
    let plain = [
        "space in the middle",
        " spaces around ",
        "-rf",
        "--help",
        "back\\slash",
        "new\nline",
        "newline at the end\n",
        "tab\tand\rreturn",
        "\u{1b}[31mred",
        "quote\"and'quote",
        "*?[a]{b}",
        "equals=sign 12 path=../../x",
        "percent%2Fencoded",
        "umlaut-ü-composed",
        "umlaut-u\u{308}-decomposed",
        "日本語",
        "..hidden",
        ".carelog",
        "metadata.json",
    ];
    for name in plain {
        write_file(&dir.join(name), name.as_bytes());
    }
    for raw in [&b"latin1-\xe9"[..], b"lone-\xff\xfe", b"\x01\x02"] {
        write_file(&dir.join(OsStr::from_bytes(raw)), raw);
    }
    write_file(&dir.join("x".repeat(255)), b"the longest name");
    // Around the 100 bytes of the name field and the 155 of the prefix field of ustar.
    for length in [97, 98, 99, 100, 101, 155, 156] {
        write_file(&dir.join(format!("length/{}", "n".repeat(length))), b"");
    }
    let deep = (0..12).fold(dir.join("deep"), |path, n| path.join(format!("{n:02}-{}", "d".repeat(60))));
    write_file(&deep.join("bottom"), b"a path of about 800 bytes");
    fs::create_dir_all(dir.join("empty folder/within")).unwrap();
}

fn links(root: &Path) {
    let dir = root.join("links");
    write_file(&dir.join("target"), b"target");
    fs::create_dir_all(dir.join("folder")).unwrap();
    for (name, target) in [
        ("to-file", OsString::from("target")),
        ("to-folder", "folder".into()),
        ("dangling", "nowhere".into()),
        ("absolute", "/etc/hostname".into()),
        ("upwards", "../../../../etc".into()),
        ("to-itself", "to-itself".into()),
        ("newline", "a\nb".into()),
        ("not-utf8", OsStr::from_bytes(b"\xff\xfe").to_owned()),
        ("long", "t/".repeat(400).into()),
    ] {
        symlink(target, dir.join(name)).unwrap();
    }
    fs::hard_link(dir.join("target"), dir.join("folder/second-name")).unwrap();
    fs::hard_link(dir.join("target"), root.join("zz-third-name")).unwrap();
    write_file(&dir.join("large-a"), &noise(3, 5 << 20));
    fs::hard_link(dir.join("large-a"), dir.join("large-b")).unwrap();
    fs::hard_link(dir.join("dangling"), dir.join("dangling-again")).unwrap();
    // Equal, but two files.
    write_file(&dir.join("twin-a"), b"twin");
    write_file(&dir.join("twin-b"), b"twin");
}

fn specials(root: &Path) {
    let dir = root.join("special");
    fs::create_dir_all(&dir).unwrap();
    mknodat(CWD, dir.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    // The name stays when the listener is gone.
    drop(UnixListener::bind(dir.join("socket")).unwrap());
}

fn devices(root: &Path) -> io::Result<()> {
    let dir = root.join("special");
    let mode = Mode::from_raw_mode(0o660);
    mknodat(CWD, dir.join("null"), FileType::CharacterDevice, mode, makedev(1, 3))?;
    mknodat(CWD, dir.join("loop"), FileType::BlockDevice, mode, makedev(7, 200))?;
    // Beyond the seven octal digits that ustar has for a minor number.
    mknodat(CWD, dir.join("large-number"), FileType::BlockDevice, mode, makedev(259, 0x0f_fff0))?;
    Ok(())
}

fn sparse_files(root: &Path) {
    let dir = root.join("sparse");
    fs::create_dir_all(&dir).unwrap();
    let make = |name: &str, size: u64, data: &[(u64, &[u8])]| {
        let file = File::create(dir.join(name)).unwrap();
        file.set_len(size).unwrap();
        for (offset, bytes) in data {
            file.write_all_at(bytes, *offset).unwrap();
        }
    };
    let block = noise(4, 64 << 10);
    make("hole-only", 1 << 20, &[]);
    make("hole-first", 1 << 20, &[((1 << 20) - block.len() as u64, &block)]);
    make("hole-last", 1 << 20, &[(0, &block)]);
    make("hole-between", 8 << 20, &[(0, &block), (6 << 20, &block)]);
    make("odd-end", (1 << 20) + 7, &[((1 << 20) + 1, b"tail")]);
    let many: Vec<(u64, &[u8])> = (0..200).map(|n| (n * (128 << 10), &block[..100])).collect();
    make("many-holes", 200 * (128 << 10), &many);
    // More than the eleven octal digits of a tar header can say.
    make("over-8-gib", (8 << 30) + (1 << 20), &[(0, &block), (8 << 30, &block)]);
}

fn user_attributes(root: &Path) -> io::Result<()> {
    let path = root.join("attributes/file");
    write_file(&path, b"with attributes");
    let set = |path: &Path, name: &str, value: &[u8]| rustix::fs::lsetxattr(path, name, value, XattrFlags::empty());
    set(&path, "user.plain", b"value")?;
    set(&path, "user.empty", b"")?;
    set(&path, "user.binary", b"\x00\x01\xff\x00")?;
    set(&path, "user.like a pax record", b"\n30 path=../../../etc/passwd\n")?;
    set(&path, "user.equals=sign", b"=")?;
    set(&path, "user.long", &noise(5, 2000))?;
    set(&root.join("attributes"), "user.on-a-folder", b"too")?;
    Ok(())
}

fn root_attributes(root: &Path) -> io::Result<()> {
    let path = root.join("attributes/privileged");
    write_file(&path, b"privileged");
    rustix::fs::lsetxattr(&path, "trusted.test", b"root only", XattrFlags::empty())?;
    // VFS_CAP_REVISION_2 with the effective bit: cap_net_bind_service (capabilities(7), linux/capability.h).
    let words = [0x0200_0001_u32, 1 << 10, 0, 0, 0];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    rustix::fs::lsetxattr(&path, "security.capability", &value, XattrFlags::empty())?;
    symlink("privileged", root.join("attributes/link"))?;
    rustix::fs::lsetxattr(root.join("attributes/link"), "trusted.on-a-link", b"too", XattrFlags::empty())?;
    Ok(())
}

fn acls(root: &Path) -> io::Result<()> {
    let dir = root.join("acl");
    write_file(&dir.join("file"), b"with an ACL");
    fs::create_dir_all(dir.join("folder"))?;
    let set = |path: &Path, name: &str| rustix::fs::lsetxattr(path, name, &acl(), XattrFlags::empty());
    set(&dir.join("file"), "system.posix_acl_access")?;
    set(&dir.join("folder"), "system.posix_acl_access")?;
    set(&dir.join("folder"), "system.posix_acl_default")?;
    Ok(())
}

/// `u::rw-,u:12345:r--,g::r--,g:54321:rw-,m::rw-,o::---` as linux/posix_acl_xattr.h has it.
fn acl() -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 6] = [
        (0x01, 6, NOBODY),
        (0x02, 4, 12345),
        (0x04, 4, NOBODY),
        (0x08, 6, 54321),
        (0x10, 6, NOBODY),
        (0x20, 0, NOBODY),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn owners(root: &Path) {
    let dir = root.join("owners");
    for (name, uid, gid) in [
        ("of-daemon", 1, 1),
        ("without-name", 12_345, 54_321),
        // Beyond the seven octal digits of a tar header.
        ("large-ids", 3_000_000, 4_000_000),
    ] {
        write_file(&dir.join(name), name.as_bytes());
        chown(dir.join(name), Some(uid), Some(gid)).unwrap();
    }
    symlink("of-daemon", dir.join("link")).unwrap();
    lchown(dir.join("link"), Some(12_345), Some(1)).unwrap();
    chown(&dir, Some(2), Some(2)).unwrap();
}

fn modes(root: &Path) {
    let dir = root.join("modes");
    // A file that its owner may not read is unreadable for whoever is not root: that is another test.
    let unreadable: &[u32] = if is_root() { &[0o000, 0o200] } else { &[] };
    for mode in [0o400, 0o600, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o6711].iter().chain(unreadable) {
        let path = dir.join(format!("file-{mode:04o}"));
        write_file(&path, b"mode");
        fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
    }
    for mode in [0o500, 0o700, 0o1777, 0o2775] {
        let path = dir.join(format!("folder-{mode:04o}"));
        write_file(&path.join("inside"), b"inside");
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
}

fn times(root: &Path) {
    let dir = root.join("times");
    fs::create_dir_all(dir.join("folder")).unwrap();
    let cases = [
        ("nanoseconds", 1_700_000_000, 123_456_789),
        ("one-nanosecond", 1_700_000_000, 1),
        ("epoch", 0, 0),
        ("before-1970", -86_400, 0),
        ("before-1970-with-fraction", -2, 250_000_000),
        ("beyond-2106", 4_500_000_000, 999_999_999),
    ];
    for (name, seconds, nanoseconds) in cases {
        write_file(&dir.join(name), name.as_bytes());
        set_mtime(&dir.join(name), seconds, nanoseconds);
    }
    symlink("epoch", dir.join("link")).unwrap();
    set_mtime(&dir.join("link"), 1_000_000_000, 500);
    set_mtime(&dir.join("folder"), 1_111_111_111, 111);
    set_mtime(&dir, 1_222_222_222, 222);
    set_mtime(root, 1_333_333_333, 333);
}

fn set_mtime(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}
