"""Ourselves, as released: the daemon works, the client waits for it."""

import os
import signal
import subprocess
import time
from pathlib import Path

from timing import Spent, output, status_bytes, timed

from .tool import FIRST, Tool, tree_bytes


class CareLog(Tool):
    name = "CareLog"

    def __init__(self, data, work, programs):
        super().__init__(data, work, programs)
        self.store = work / "store"
        self.carelogd, self.carelogctl = programs / "carelogd", programs / "carelogctl"
        config = work / "carelogd.toml"
        config.write_text(
            f'[daemon]\nstate_dir = "{work}/state"\nsocket = "{work}/sock"\n'
            f'[backup]\ndir = "{self.store}"\nmin_free = "0%"\n'
            f"{self.sources()}{self.settings()}"
        )
        self.log = (work / "log").open("wb")
        # As systemd/carelogd.service starts it.
        self.environment |= {"CARELOG_SOCKET": f"{work}/sock", "MALLOC_MMAP_THRESHOLD_": "1048576"}
        command = [self.carelogd, "run", "--config", config]
        self.daemon = subprocess.Popen(command, stderr=self.log, env=self.environment)
        self.archives = {}

    def sources(self):
        """What is backed up."""
        return (
            f'[[source]]\nname = "data"\ntype = "json"\npath = "{self.data}/data.json"\n'
            f'[[source]]\nname = "studies"\ntype = "files"\npath = "{self.data}/studies"\n'
        )

    def settings(self):
        """Further lines of the configuration."""
        return ""

    @classmethod
    def available(cls):
        return True

    @classmethod
    def version(cls, programs):
        return output([programs / "carelogd", "--version"]).strip()

    def prepare(self):
        while subprocess.run([self.carelogctl, "status"], env=self.environment, capture_output=True).returncode != 0:
            if self.daemon.poll() is not None:
                raise SystemExit(f"carelogd ended: {(self.work / 'log').read_text()}")
            time.sleep(0.02)

    def back_up(self, name=FIRST):
        before = set(self.stored())
        spent = self.ask("backup")
        (self.archives[name],) = set(self.stored()) - before
        return spent

    def verify(self):
        return self.ask("verify", "--all")

    def restore(self, to, name=FIRST):
        to.mkdir()
        return self.ask("restore", self.archives[name].name, "--to", to)

    def one_file(self, member, to):
        archive = self.archives[FIRST]
        return timed([self.carelogd, "extract", archive, "--to", to, "--path", member], env=self.environment)

    def size(self):
        reserve = self.store / ".carelog-reserve"
        # Room that is set aside for a full disk is no backup.
        return tree_bytes(self.store) - (reserve.stat().st_size if reserve.exists() else 0)

    def end(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()
        self.log.close()

    def stored(self):
        return self.store.glob("backup_*.tar.zst")

    def ask(self, *args):
        """Has the daemon do something; the memory is the daemon's."""
        # proc(5): sets VmHWM to what is held now.
        Path(f"/proc/{self.daemon.pid}/clear_refs").write_text("5")
        spent = timed([self.carelogctl, "--no-progress", *args], env=self.environment)
        return Spent(spent.seconds, status_bytes(self.daemon.pid, "VmHWM"))

    def settled_bytes(self):
        """What the daemon holds when it has had nothing to do for two seconds."""
        time.sleep(2)
        return status_bytes(self.daemon.pid, "VmRSS")


class InPlace(CareLog):
    """The whole transaction: verified, what is live saved, staged, application stopped, swapped, compared, started."""

    def settings(self):
        hooks = {name: f'["/bin/sh", "-c", "date +%s.%N > {self.work}/{name}"]' for name in ("stop", "start")}
        return "".join(f"[hooks.{name}_application]\nargv = {argv}\n" for name, argv in hooks.items())

    def in_place(self):
        return self.ask("restore", "latest", "--yes", "-m", "measured")

    def locked_out(self):
        """Seconds from the call of `stop_application` to that of `start_application`."""
        stopped, started = (float((self.work / name).read_text()) for name in ("stop", "start"))
        return started - stopped
