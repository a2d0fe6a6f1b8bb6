"""A PostgreSQL server of one's own on a Unix socket, durable as a real one, run by the user postgres where we are root."""

import os
import shutil
import subprocess
from pathlib import Path

from timing import timed

OPTIONS = "max_wal_size=4GB shared_buffers=512MB"


def newest_programs():
    """The folder of the newest PostgreSQL that is installed as Debian does it."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


class Cluster:
    """Made and started; `stop` ends it. Everything of it lies in `dir`."""

    def __init__(self, bin_dir, work):
        self.bin, self.dir = bin_dir, work / "cluster"
        self.data = self.dir / "data"
        self.user = "postgres" if os.getuid() == 0 else None
        path = f"{self.bin}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PGHOST": str(self.dir), "PGUSER": "postgres"}
        self.dir.mkdir()
        if self.user:
            shutil.chown(self.dir, self.user)
        self.run("initdb", "-D", self.data, "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust")
        self.start()

    def start(self, *settings):
        """Starts the server with further `name=value` settings; waits until it answers."""
        every = [f"unix_socket_directories={self.dir}", "listen_addresses=", *OPTIONS.split(), *settings]
        options = " ".join(f"-c '{setting}'" for setting in every)
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.dir / "log", "-o", options, "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def run(self, *argv):
        """Runs a program as the server's user, PostgreSQL's own before others of that name."""
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return timed([*as_user, *argv], cwd="/", env=self.environment)

    def shell(self, script):
        return self.run("bash", "-euo", "pipefail", "-c", script)

    def ask(self, database, sql):
        argv = ["psql", "-XAtc", sql, database]
        return subprocess.check_output(argv, text=True, env=self.environment).strip()
