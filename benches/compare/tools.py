"""What is measured, tool by tool, behind one shape: back up, verify, restore, fetch one file; then say how large it is.

A tool gets a new folder each round. Every step is one command, or for a pipe one shell; what it takes and the most memory
that it held come from wait4(2).
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Spent:
    """What a command took."""

    seconds: float
    peak_bytes: int


def timed(argv, **options):
    """Runs `argv` to its end; whatever it prints is shown only when it fails."""
    os.sync()
    began = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode != 0:
        raise SystemExit(f"{shlex.join(map(str, argv))} ended with {process.returncode}:\n{output.decode()}")
    return Spent(seconds, usage.ru_maxrss * 1024)


def piped(script, **options):
    return timed(["bash", "-euo", "pipefail", "-c", script], **options)


def seconds_to_sync(work):
    """How long it takes until what a tool wrote would outlive a power cut."""
    begun = time.monotonic()
    subprocess.run(["sync", "-f", work], check=True)
    return time.monotonic() - begun


def output(argv):
    return subprocess.check_output(argv, text=True)


def tree_bytes(root):
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())


class CareLog:
    """Ourselves, as released: the daemon works, the client waits for it."""

    name = "CareLog"

    def __init__(self, data, work, programs):
        self.data, self.work = data, work
        self.carelogd, self.carelogctl = programs / "carelogd", programs / "carelogctl"
        config = work / "carelogd.toml"
        config.write_text(
            f'[daemon]\nstate_dir = "{work}/state"\nsocket = "{work}/sock"\n'
            f'[backup]\ndir = "{work}/store"\nmin_free = "0%"\n'
            f"{self.sources()}{self.settings()}"
        )
        self.log = (work / "log").open("wb")
        # As systemd/carelogd.service starts it.
        self.environment = {**os.environ, "CARELOG_SOCKET": f"{work}/sock", "MALLOC_MMAP_THRESHOLD_": "1048576"}
        command = [self.carelogd, "run", "--config", config]
        self.daemon = subprocess.Popen(command, stderr=self.log, env=self.environment)
        self.memory = {}

    def sources(self):
        """What is backed up."""
        return (
            f'[[source]]\nname = "data"\ntype = "json"\npath = "{self.data}/data.json"\n'
            f'[[source]]\nname = "studies"\ntype = "files"\npath = "{self.data}/studies"\n'
        )

    def settings(self):
        """Further lines of the configuration."""
        return ""

    @staticmethod
    def available(programs):
        return (programs / "carelogd").exists() and (programs / "carelogctl").exists()

    @classmethod
    def version(cls, programs):
        return subprocess.check_output([programs / "carelogd", "--version"], text=True).strip()

    def prepare(self):
        while subprocess.run([self.carelogctl, "status"], env=self.environment, capture_output=True).returncode != 0:
            if self.daemon.poll() is not None:
                raise SystemExit(f"carelogd ended: {(self.work / 'log').read_text()}")
            time.sleep(0.02)
        self.memory["idle, started"] = self.settled()

    def back_up(self):
        return self.ask("backup")

    def verify(self):
        return self.ask("verify", "latest")

    def restore(self, to):
        to.mkdir()
        spent = self.ask("restore", "latest", "--to", to)
        self.memory["peak"] = self.status("VmHWM")
        self.memory["idle, after all that"] = self.settled()
        return spent

    def one_file(self, member, to):
        return timed([self.carelogd, "extract", self.archive(), "--to", to, "--path", member], env=self.environment)

    def fetched(self, member, to):
        return (to / member).read_bytes()

    def size(self):
        return self.archive().stat().st_size

    def end(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()
        self.log.close()

    def ask(self, *args):
        spent = timed([self.carelogctl, "--no-progress", *args], env=self.environment)
        return Spent(spent.seconds, self.status("VmHWM"))

    def archive(self):
        return next((self.work / "store").glob("backup_*.tar.zst"))

    def settled(self):
        """What it holds when it has had nothing to do for two seconds."""
        time.sleep(2)
        return self.status("VmRSS")

    def status(self, key):
        lines = Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


class Restic:
    """Encrypts, always; compresses since repository version 2, its default."""

    name = "restic"

    def __init__(self, data, work, _programs):
        self.data, self.repository = data, work / "repository"
        self.environment = {
            **os.environ,
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD": "compare",
            "RESTIC_CACHE_DIR": str(work / "cache"),
        }
        self.memory = {}

    @staticmethod
    def available(_programs):
        return shutil.which("restic") is not None

    @classmethod
    def version(cls, _programs):
        return " ".join(subprocess.check_output(["restic", "version"], text=True).split()[:2])

    def prepare(self):
        self.run("init")

    def back_up(self):
        return self.run("backup", "data.json", "studies", cwd=self.data)

    def verify(self):
        return self.run("check", "--read-data")

    def restore(self, to):
        return self.run("restore", "latest", "--target", to)

    def one_file(self, member, to):
        to.mkdir()
        script = f"restic dump latest {shlex.quote('/' + member)} > {shlex.quote(str(to / 'one'))}"
        return piped(script, env=self.environment)

    def fetched(self, _member, to):
        return (to / "one").read_bytes()

    def size(self):
        return tree_bytes(self.repository)

    def end(self):
        pass

    def run(self, *args, **options):
        return timed(["restic", *args], env=self.environment, **options)


class Borg:
    """Without encryption, which we do not have yet either, and compressed as we compress."""

    name = "borg"

    def __init__(self, data, work, _programs):
        self.data, self.repository = data, work / "repository"
        self.environment = {**os.environ, "BORG_BASE_DIR": str(work / "home")}
        self.environment["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"] = "yes"
        self.memory = {}

    @staticmethod
    def available(_programs):
        return shutil.which("borg") is not None

    @classmethod
    def version(cls, _programs):
        return subprocess.check_output(["borg", "--version"], text=True).strip()

    def prepare(self):
        self.run("init", "--encryption", "none", self.repository)

    def back_up(self):
        archive = f"{self.repository}::one"
        return self.run("create", "--compression", "zstd,3", archive, "data.json", "studies", cwd=self.data)

    def verify(self):
        return self.run("check", "--verify-data", self.repository)

    def restore(self, to):
        to.mkdir()
        return self.run("extract", f"{self.repository}::one", cwd=to)

    def one_file(self, member, to):
        to.mkdir()
        return self.run("extract", f"{self.repository}::one", member, cwd=to)

    def fetched(self, member, to):
        return (to / member).read_bytes()

    def size(self):
        return tree_bytes(self.repository)

    def end(self):
        pass

    def run(self, *args, **options):
        return timed(["borg", *args], env=self.environment, **options)


class TarZstd:
    """The limit: no manifest, no checksum, nothing made durable. Verified by sha256sum of its archive."""

    name = "tar and zstd"

    def __init__(self, data, work, _programs):
        self.data, self.archive = shlex.quote(str(data)), work / "archive.tar.zst"
        self.quoted = shlex.quote(str(self.archive))
        self.memory = {}

    @staticmethod
    def available(_programs):
        return shutil.which("tar") is not None and shutil.which("zstd") is not None

    @classmethod
    def version(cls, _programs):
        tar = subprocess.check_output(["tar", "--version"], text=True).splitlines()[0]
        return f"{tar}, {subprocess.check_output(['zstd', '--version'], text=True).strip(' *').split(',')[0]}"

    def prepare(self):
        pass

    def back_up(self):
        return piped(f"tar -C {self.data} -c data.json studies | zstd -q -3 -T0 -o {self.quoted}")

    def verify(self):
        return timed(["sha256sum", self.archive])

    def restore(self, to):
        to.mkdir()
        return piped(f"zstd -q -dc {self.quoted} | tar -C {shlex.quote(str(to))} -xp")

    def one_file(self, member, to):
        to.mkdir()
        return piped(f"zstd -q -dc {self.quoted} | tar -C {shlex.quote(str(to))} -xp {shlex.quote(member)}")

    def fetched(self, member, to):
        return (to / member).read_bytes()

    def size(self):
        return self.archive.stat().st_size

    def end(self):
        pass


ALL = [CareLog, Restic, Borg, TarZstd]
