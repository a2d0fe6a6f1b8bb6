//! Disks of a test's own that lose power: what was not made durable by then is gone.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use super::mount::{Tmpfs, may_mount};
use super::process::{has_tools, hermetic, run};
use super::wait::wait_until;

/// Large enough for either kind; only what is written takes memory.
const DISK_BYTES: u64 = 320 << 20;

/// Ends a file system as a power cut does: its log is not written, and nothing else either. All are opened before the
/// first one ends, because behind an ended one nothing can be found. The number is `EXT4_IOC_SHUTDOWN` and
/// `XFS_IOC_GOINGDOWN`, the flag `NOLOGFLUSH`.
const CUT: &str = "\
import fcntl, os, struct, sys
for disk in [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]:
    fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2))
";

/// What a disk is formatted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ext4,
    Xfs,
}

/// Disks that lose power together. Make them before the `World` that lies on them, and drop them after it.
pub(crate) struct Disks {
    disks: Vec<Disk>,
    images: Tmpfs,
    folder: TempDir,
}

struct Disk {
    file_system: FileSystem,
    /// The file that stands for the device.
    image: PathBuf,
    mounted: PathBuf,
}

impl Disks {
    /// None yet. `None`, with the reason on stderr, where they cannot be had; under `tests/all` as root that is a failure.
    #[track_caller]
    pub(crate) fn new() -> Option<Self> {
        if !may_mount() || !has_tools(&["mkfs.ext4", "mkfs.xfs", "python3"]) {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("carelog-disks-").tempdir().unwrap();
        // In memory: this machine's own disk has no part in what is durable here.
        let images = Tmpfs::mount(&folder.path().join("images"), 1 << 20);
        Some(Self { disks: Vec::new(), images, folder })
    }

    /// `relative` in a folder that is on none of the disks.
    pub(crate) fn beside(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Mounts another one, empty, at `mounted`; the folder is made.
    #[track_caller]
    pub(crate) fn mount(&mut self, file_system: FileSystem, mounted: &Path) {
        let image = self.images.path().join(self.disks.len().to_string());
        fs::File::create(&image).unwrap().set_len(DISK_BYTES).unwrap();
        match file_system {
            FileSystem::Ext4 => tool("mkfs.ext4", &["-q", "-F"], &[&image]),
            FileSystem::Xfs => tool("mkfs.xfs", &["-q"], &[&image]),
        }
        fs::create_dir_all(mounted).unwrap();
        let disk = Disk { file_system, image, mounted: mounted.to_owned() };
        disk.mount();
        if file_system == FileSystem::Ext4 {
            fs::remove_dir(mounted.join("lost+found")).unwrap();
        }
        self.disks.push(disk);
    }

    /// Takes everything away that was not made durable. Nobody may use them.
    #[track_caller]
    pub(crate) fn lose_power(&self) {
        let mounted: Vec<&Path> = self.disks.iter().map(|disk| disk.mounted.as_path()).collect();
        tool("python3", &["-c", CUT], &mounted);
        self.unmount();
        self.disks.iter().for_each(Disk::mount);
    }

    /// Remembers what is on them, for [`Disks::load`]. Nobody may use them.
    #[track_caller]
    pub(crate) fn save(&self) {
        self.unmount();
        for disk in &self.disks {
            copy(&disk.image, &disk.saved());
            disk.mount();
        }
    }

    /// Makes them again what they were at the last [`Disks::save`]. Nobody may use them.
    #[track_caller]
    pub(crate) fn load(&self) {
        self.unmount();
        for disk in &self.disks {
            fs::remove_file(&disk.image).unwrap();
            copy(&disk.saved(), &disk.image);
            disk.mount();
        }
    }

    /// Changes the content of `file`, which begins with `from`, behind the file system's back: neither size nor times tell.
    #[track_caller]
    pub(crate) fn rot(&self, file: &Path, from: &[u8], to: &[u8]) {
        assert_eq!(from.len(), to.len());
        let open = fs::File::open(file).unwrap();
        open.sync_all().unwrap();
        let disk = self.disks.iter().find(|disk| file.starts_with(&disk.mounted)).unwrap();
        let image = fs::File::options().read(true).write(true).open(&disk.image).unwrap();
        let mut block = [0; 1024];
        let at = (0..DISK_BYTES / 1024).map(|number| number * 1024).find(|at| {
            image.read_exact_at(&mut block, *at).unwrap();
            from.starts_with(&block)
        });
        let at = at.expect("the file to lie on the disk");
        let mut found = vec![0; from.len()];
        image.read_exact_at(&mut found, at).unwrap();
        assert_eq!(found, from, "the file is in one piece");
        image.write_all_at(to, at).unwrap();
        // So that it is read from the disk again.
        posix_fadvise(&open, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
    }

    /// Those within others first.
    #[track_caller]
    fn unmount(&self) {
        for disk in self.disks.iter().rev() {
            // A process that was killed lets go of its files a moment after it was waited for.
            let what = format!("{} to be let go", disk.mounted.display());
            wait_until(&what, || umount2(&disk.mounted, MntFlags::empty()).is_ok());
        }
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        for disk in self.disks.iter().rev() {
            let _gone_already = umount2(&disk.mounted, MntFlags::MNT_DETACH);
        }
    }
}

impl Disk {
    #[track_caller]
    fn mount(&self) {
        // Nothing is written that nobody asked for: neither after five seconds nor because a file was truncated.
        let options = match self.file_system {
            FileSystem::Ext4 => "loop,commit=1000,noauto_da_alloc",
            FileSystem::Xfs => "loop",
        };
        tool("mount", &["-o", options], &[&self.image, &self.mounted]);
    }

    fn saved(&self) -> PathBuf {
        self.image.with_extension("saved")
    }
}

#[track_caller]
fn copy(from: &Path, to: &Path) {
    tool("cp", &["--sparse=always"], &[from, to]);
}

#[track_caller]
fn tool(program: &str, options: &[&str], paths: &[&Path]) {
    run(hermetic(Path::new(program), Path::new("/")).args(options).args(paths)).expect_code(0);
}
