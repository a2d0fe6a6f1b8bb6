#!/usr/bin/env python3
"""Backs up and restores a pgbench database with CareLog and with PostgreSQL's own programs, and prints a Markdown table;
for CareLog also how long the application was locked out of it.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import tools

ACCOUNTS = "SELECT count(*), sum(abalance), max(aid) FROM pgbench_accounts"


class Cluster:
    """A server of its own on a Unix socket, durable as a real one, run by the user postgres where we are root."""

    def __init__(self, bin_dir, work):
        self.bin, self.dir = bin_dir, work / "cluster"
        self.user = "postgres" if os.getuid() == 0 else None
        self.dir.mkdir()
        if self.user:
            shutil.chown(self.dir, self.user)
        self.run("initdb", "-D", self.dir / "data", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust")
        options = f"-k {self.dir} -c listen_addresses='' -c max_wal_size=4GB -c shared_buffers=512MB"
        self.run("pg_ctl", "-D", self.dir / "data", "-w", "-l", self.dir / "log", "-o", options, "start")

    def run(self, program, *args):
        argv = [self.bin / program, *args]
        if self.user:
            argv = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *argv]
        return tools.timed(argv, cwd="/", env={**os.environ, "PGHOST": str(self.dir), "PGUSER": "postgres"})

    def shell(self, script):
        argv = ["bash", "-euo", "pipefail", "-c", script]
        if self.user:
            argv = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *argv]
        path = f"{self.bin}:{os.environ['PATH']}"
        return tools.timed(argv, cwd="/", env={**os.environ, "PATH": path, "PGHOST": str(self.dir), "PGUSER": "postgres"})

    def ask(self, database, sql):
        argv = [self.bin / "psql", "-h", self.dir, "-U", "postgres", "-XAtc", sql, database]
        return subprocess.check_output(argv, text=True).strip()

    def stop(self):
        self.run("pg_ctl", "-D", self.dir / "data", "-m", "immediate", "-w", "stop")


class CareLog(tools.CareLog):
    """Verified, what is live saved, loaded beside it, every row counted, application stopped, names exchanged."""

    def __init__(self, cluster, work, programs):
        self.cluster = cluster
        super().__init__(work, work, programs)

    def sources(self):
        user = self.cluster.user or os.environ["USER"]
        url = f"postgresql://postgres@/clinic?host={self.cluster.dir}"
        return f'[[source]]\nname = "database"\ntype = "postgres"\nurl = "{url}"\nrun_as = "{user}"\n'

    def settings(self):
        hooks = {name: f'["/bin/sh", "-c", "date +%s.%N > {self.work}/{name}"]' for name in ("stop", "start")}
        return "".join(f"[hooks.{name}_application]\nargv = {argv}\n" for name, argv in hooks.items())

    def restore(self):
        return self.ask("restore", "latest", "--yes", "-m", "measured")

    def locked_out(self):
        stopped, started = (float((self.work / name).read_text()) for name in ("stop", "start"))
        return started - stopped


class Custom:
    """pg_dump's own format and pg_restore: nothing verified, nothing saved; restored into a new database."""

    name = "pg_dump -Fc"

    def __init__(self, cluster, work, _programs):
        self.cluster, self.file = cluster, cluster.dir / "custom.dump"

    def prepare(self):
        pass

    def back_up(self):
        return self.cluster.run("pg_dump", "-Fc", "-f", self.file, "clinic")

    def restore(self):
        file = shlex.quote(str(self.file))
        return self.cluster.shell(f"createdb again; pg_restore -d again {file}; dropdb clinic; psql -qc 'ALTER DATABASE again RENAME TO clinic'")

    def size(self):
        return self.file.stat().st_size

    def end(self):
        pass


class Piped(Custom):
    """What cron lines do."""

    name = "pg_dump, zstd, sha256sum"

    def __init__(self, cluster, work, programs):
        super().__init__(cluster, work, programs)
        self.file = cluster.dir / "plain.sql.zst"

    def back_up(self):
        file = shlex.quote(str(self.file))
        return self.cluster.shell(f"pg_dump clinic | zstd -q -3 -T0 -f -o {file}; sha256sum {file} > {file}.sha256")

    def restore(self):
        file = shlex.quote(str(self.file))
        load = f"zstd -q -dc {file} | psql -qX -v ON_ERROR_STOP=1 -o /dev/null again"
        return self.cluster.shell(f"createdb again; {load}; dropdb clinic; psql -qc 'ALTER DATABASE again RENAME TO clinic'")


ALL = [CareLog, Custom, Piped]


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    rounds = [{tool.name: measure(tool, args) for tool in ALL} for _ in range(args.rounds)]
    report(args, rounds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=50, metavar="N", help="of pgbench (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--bin", type=Path, metavar="DIR", help="PostgreSQL's programs (default: the newest installed)")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "carelog-database", metavar="DIR")
    parser.add_argument("--programs", type=Path, default=tools.REPOSITORY / "target/release", metavar="DIR")
    args = parser.parse_args()
    args.programs = args.programs.resolve()
    args.bin = args.bin or max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return args


def measure(tool, args):
    """One tool: back up, empty a table, restore, and compare with what there was."""
    work = Path(tempfile.mkdtemp(prefix="run-", dir=args.work))
    work.chmod(0o755)
    cluster = Cluster(args.bin, work)
    try:
        cluster.run("createdb", "clinic")
        cluster.run("pgbench", "-i", "-q", "-s", str(args.scale), "clinic")
        before = cluster.ask("clinic", ACCOUNTS)
        one = tool(cluster, work, args.programs)
        try:
            one.prepare()
            measured = {"backup": one.back_up().seconds}
            cluster.ask("clinic", "TRUNCATE pgbench_history; UPDATE pgbench_accounts SET abalance = 1 WHERE aid < 1000")
            measured["restore"] = one.restore().seconds
            if hasattr(one, "locked_out"):
                measured["locked out"] = one.locked_out()
            measured["size"] = one.size()
        finally:
            one.end()
        if cluster.ask("clinic", ACCOUNTS) != before:
            raise SystemExit(f"{tool.name} did not restore the database as it was")
        print(f"{tool.name}: {measured}", file=sys.stderr, flush=True)
        return measured
    finally:
        cluster.stop()
        shutil.rmtree(work)


def report(args, rounds):
    names = [tool.name for tool in ALL]
    print(f"pgbench, scale {args.scale}; {len(rounds)} rounds.\n")
    print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for step in rounds[0]["CareLog"]:
        own = median(measured["CareLog"][step] for measured in rounds)
        cells = []
        for name in names:
            values = [measured[name].get(step) for measured in rounds]
            if None in values:
                cells.append("–")
                continue
            shown = (lambda value: f"{value / 1e6:.1f} MB") if step == "size" else (lambda value: f"{value:.2f} s")
            ratio = "" if name == "CareLog" else f" (×{median(values) / own:.2f})"
            cells.append(f"{shown(median(values))}{ratio}: {', '.join(map(shown, values))}")
        print(f"| {step} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
