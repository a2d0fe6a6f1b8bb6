//! A machine of a test's own, on which systemd is the first process: a container that boots from a copy-on-write view of
//! this machine's root, with our programs and unit files where a package puts them.
//!
//! Only the units that a test names are started, whatever else this machine has. The network is empty. What the machine
//! writes is in memory and gone with it; until then it can be cut off and booted again.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::mount::{Tmpfs, may_mount};
use super::process::{Answer, carelogctl, carelogd, has_tools, hermetic, is_root, run};
use super::wait::{wait_for, wait_until};

/// What the boot comes to: the units that are wanted by it.
const TARGET: &str = "carelog-test.target";

/// A machine that runs. Dropped, it is cut off.
pub(crate) struct Machine {
    /// Runs in the host's view; its only child is the machine's first process.
    container: Option<Child>,
    /// The machine's first process, as this machine numbers it.
    init: Option<Pid>,
    cgroup: PathBuf,
    root: PathBuf,
    /// Behind everything that lies in it.
    _memory: Tmpfs,
    folder: TempDir,
}

impl Machine {
    /// One with the daemon and the client installed, not booted yet. `None`, with the reason on stderr, where that is not
    /// possible; under `tests/all` as root that is a failure.
    #[track_caller]
    #[expect(clippy::print_stderr, reason = "why a test was left out belongs to its output")]
    pub(crate) fn install() -> Option<Self> {
        if !is_root() {
            eprintln!("left out: only root can boot a container");
            return None;
        }
        if !has_tools(&["systemd-nspawn", "dbus-daemon", "nsenter", "setpriv", "systemd-sysusers"]) {
            eprintln!("left out: systemd-container and dbus are not installed; tests/all installs them");
            return None;
        }
        if !may_mount() {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("carelog-machine-").tempdir().unwrap();
        let memory = Tmpfs::mount(&folder.path().join("memory"), 512 << 10);
        let machine = Self {
            container: None,
            init: None,
            cgroup: own_cgroup(folder.path()),
            root: overlay_of_root(&folder.path().join("memory")),
            _memory: memory,
            folder,
        };
        machine.install_package();
        Some(machine)
    }

    /// `path`, absolute within the machine, as it is reached from outside.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        match path.strip_prefix("/srv/") {
            Some(data) => self.data().join(data),
            None => self.root.join(path.strip_prefix('/').unwrap()),
        }
    }

    /// `/srv`: data lies on a disk of its own, and not on a file system that is two.
    fn data(&self) -> PathBuf {
        self.folder.path().join("memory/data")
    }

    /// Writes a file of the machine, and makes its folders.
    #[track_caller]
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Lets every boot start the unit `name`.
    pub(crate) fn enable(&self, name: &str) {
        let wants = self.at(&format!("/etc/systemd/system/{TARGET}.wants"));
        fs::create_dir_all(&wants).unwrap();
        std::os::unix::fs::symlink(Path::new("/etc/systemd/system").join(name), wants.join(name)).unwrap();
    }

    /// Boots, and waits until every unit that is wanted has been started or has failed.
    #[track_caller]
    pub(crate) fn boot(&mut self) {
        assert!(self.container.is_none(), "it runs already");
        let console = File::create(self.console()).unwrap();
        // The shell moves itself, and with it all that becomes of it, into the control group. When the test is killed, so is
        // the machine.
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.cgroup.display());
        let program = |program: PathBuf, to: &str| format!("--bind-ro={}:{to}", program.display());
        let container = hermetic(Path::new("/bin/sh"), Path::new("/"))
            .args(["-c", &enter, "sh", "setpriv", "--pdeathsig", "TERM", "systemd-nspawn"])
            .arg("--kill-signal=SIGKILL")
            .args(["--boot", "--quiet", "--keep-unit", "--register=no", "--console=pipe", "--private-network"])
            .args(["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--machine=clinic"])
            .args([program(carelogd(), "/usr/bin/carelogd"), program(carelogctl(), "/usr/bin/carelogctl")])
            .arg(format!("--bind={}:/srv", self.data().display()))
            .arg("--directory")
            .arg(&self.root)
            .arg(format!("systemd.unit={TARGET}"))
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let id = container.id();
        self.container = Some(container);
        self.init = Some(wait_for("the first process of the machine", || {
            self.require_running();
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
            let is_init =
                |child: &&str| fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|c| c == "systemd\n");
            Some(Pid::from_raw(children.split_whitespace().find(is_init)?.parse().unwrap()))
        }));
        wait_until("the boot", || {
            self.require_running();
            let state = self.run(&["systemctl", "is-system-running"]).stdout;
            matches!(state.trim(), "running" | "degraded")
        });
    }

    /// Every process ends at once, as when the power fails. What was written to its files stays.
    pub(crate) fn cut_off(&mut self) {
        if let Some(init) = self.init.take() {
            let _gone = kill(init, Signal::SIGKILL);
        }
        if let Some(mut container) = self.container.take() {
            let _gone = container.kill();
            let _gone = container.wait();
        }
    }

    /// Runs a program of the machine to its end, as its root.
    #[track_caller]
    pub(crate) fn run(&self, argv: &[&str]) -> Answer {
        run(&mut self.command(argv))
    }

    /// `argv`, to be run by the test.
    #[track_caller]
    pub(crate) fn command(&self, argv: &[&str]) -> Command {
        let init = self.init.expect("the machine was not booted");
        let mut command = hermetic(Path::new("/usr/bin/nsenter"), Path::new("/"));
        command.args(["--target", &init.to_string(), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]);
        command.args(["--root", "--wd", "--"]).args(argv);
        command
    }

    /// Runs `carelogctl ARGS` on the machine.
    #[track_caller]
    pub(crate) fn ctl(&self, args: &[&str]) -> Answer {
        self.run(&[&["carelogctl"], args].concat())
    }

    /// Runs `systemctl ARGS`, which has to succeed.
    #[track_caller]
    pub(crate) fn systemctl(&self, args: &[&str]) {
        self.run(&[&["systemctl"], args].concat()).expect_code(0);
    }

    /// A property of a unit.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        let answer = self.run(&["systemctl", "show", "--property", name, "--value", unit]).expect_code(0);
        answer.stdout.trim().to_owned()
    }

    fn console(&self) -> PathBuf {
        self.folder.path().join("console")
    }

    #[track_caller]
    fn require_running(&self) {
        let id = self.container.as_ref().map_or(0, Child::id);
        let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let is_gone = state.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'));
        assert!(!is_gone, "the machine does not boot:\n{}", fs::read_to_string(self.console()).unwrap_or_default());
    }

    /// What a package would put in place, and a target that starts nothing else.
    fn install_package(&self) {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (from, to) in [
            ("systemd/carelogd.service", "/etc/systemd/system/carelogd.service"),
            ("systemd/carelog-settled.target", "/etc/systemd/system/carelog-settled.target"),
            ("etc/sysusers.d/carelog.conf", "/usr/lib/sysusers.d/carelog.conf"),
            ("etc/tmpfiles.d/carelog.conf", "/usr/lib/tmpfiles.d/carelog.conf"),
        ] {
            self.write(to, &fs::read_to_string(repository.join(from)).unwrap());
        }
        self.write(
            &format!("/etc/systemd/system/{TARGET}"),
            "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n",
        );
        for program in ["carelogd", "carelogctl"] {
            self.write(&format!("/usr/bin/{program}"), "");
        }
        let root = format!("--root={}", self.root.display());
        let sysusers = ["carelog.conf"];
        run(hermetic(Path::new("systemd-sysusers"), Path::new("/")).arg(&root).args(sysusers)).expect_code(0);
    }
}

impl Drop for Machine {
    #[expect(clippy::print_stderr, reason = "the journal belongs to the report of a failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() && self.init.is_some() {
            let journal = self.run(&["journalctl", "--no-pager", "--boot"]);
            eprintln!("--- journal of the machine ---\n{}--- end of the journal ---", journal.stdout);
        }
        self.cut_off();
        wait_until("the machine's processes to be gone", || remove_cgroup(&self.cgroup));
        let _gone_already = umount2(&self.root, MntFlags::MNT_DETACH);
    }
}

/// A control group for the machine, by a hierarchy that this thread alone sees: the machine's systemd has to find one of
/// the present kind, and to be below it, whatever this machine uses itself.
#[track_caller]
fn own_cgroup(folder: &Path) -> PathBuf {
    let hierarchy = Path::new("/sys/fs/cgroup");
    mount(Some("cgroup2"), hierarchy, Some("cgroup2"), MsFlags::empty(), None::<&str>).unwrap();
    let cgroup = hierarchy.join(folder.file_name().unwrap());
    fs::create_dir(&cgroup).unwrap();
    // Where nspawn notes what runs: nobody else's business.
    fs::create_dir_all("/run/systemd/nspawn").unwrap();
    mount(Some("tmpfs"), "/run/systemd/nspawn", Some("tmpfs"), MsFlags::empty(), Some("mode=755")).unwrap();
    cgroup
}

/// Removes a control group with those below it. False while a process is in one.
fn remove_cgroup(cgroup: &Path) -> bool {
    let Ok(entries) = fs::read_dir(cgroup) else { return true };
    let mut below = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    below.all(|path| remove_cgroup(&path)) && fs::remove_dir(cgroup).is_ok()
}

/// This machine's root, with what is written to it kept in `memory`.
#[track_caller]
fn overlay_of_root(memory: &Path) -> PathBuf {
    fs::set_permissions(memory, Permissions::from_mode(0o755)).unwrap();
    let [upper, work, root, data] = ["upper", "work", "root", "data"].map(|name| memory.join(name));
    for folder in [&upper, &work, &root, &data] {
        fs::create_dir(folder).unwrap();
    }
    let options = format!("lowerdir=/,upperdir={},workdir={}", upper.display(), work.display());
    mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str())).unwrap();
    root
}
