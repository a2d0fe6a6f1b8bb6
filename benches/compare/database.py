#!/usr/bin/env python3
"""Backs up and restores a pgbench database with CareLog, with PostgreSQL's own programs, and with pgBackRest where it is
installed, and prints a Markdown table; also how long the application was locked out of it where that is known.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import os
import shlex
import shutil
import tempfile
import time
from pathlib import Path

import arguments
import table
import tools
from arguments import note
from cluster import Cluster, newest_programs
from timing import output
from tools.tool import tree_bytes

ACCOUNTS = "SELECT count(*), sum(abalance), max(aid) FROM pgbench_accounts"
EXCHANGE = "dropdb clinic; psql -qc 'ALTER DATABASE again RENAME TO clinic'"
UNITS = {"backup": table.seconds, "restore": table.seconds, "locked out": table.seconds, "size": table.size}


class CareLog(tools.InPlace):
    """Verified, what is live saved, loaded beside it, every row counted, application stopped, names exchanged."""

    def __init__(self, cluster, work, programs):
        self.cluster = cluster
        super().__init__(work, work, programs)

    def sources(self):
        user = self.cluster.user or os.environ["USER"]
        url = f"postgresql://postgres@/clinic?host={self.cluster.dir}"
        return f'[[source]]\nname = "database"\ntype = "postgres"\nurl = "{url}"\nrun_as = "{user}"\n'

    def restore(self):
        return self.in_place().seconds


class Custom:
    """pg_dump's own format and pg_restore: nothing verified, nothing saved; restored into a new database."""

    name = "pg_dump -Fc"

    def __init__(self, cluster, _work, _programs):
        self.cluster, self.file = cluster, cluster.dir / "custom.dump"

    @staticmethod
    def available():
        return True

    def prepare(self):
        pass

    def back_up(self):
        return self.cluster.run("pg_dump", "-Fc", "-f", self.file, "clinic")

    def restore(self):
        file = shlex.quote(str(self.file))
        return self.cluster.shell(f"createdb again; pg_restore -d again {file}; {EXCHANGE}").seconds

    def locked_out(self):
        return None

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
        load = f"zstd -q -dc {shlex.quote(str(self.file))} | psql -qX -v ON_ERROR_STOP=1 -o /dev/null again"
        return self.cluster.shell(f"createdb again; {load}; {EXCHANGE}").seconds


class PgBackRest(Custom):
    """Physical: the files of the whole cluster and its log, not one database. Restored in place while the server is down,
    only files that differ (`--delta`), until the backup is consistent; nothing is saved. Everything is synced.
    """

    name = "pgBackRest, whole cluster"

    def __init__(self, cluster, work, programs):
        super().__init__(cluster, work, programs)
        self.repository = cluster.dir / "pgbackrest"
        config = cluster.dir / "pgbackrest.conf"
        config.write_text(
            f"[global]\nrepo1-path={self.repository}\nlog-path={cluster.dir}\nlock-path={cluster.dir}/lock\n"
            f"log-level-file=off\nprocess-max={os.cpu_count()}\ncompress-type=zst\ncompress-level=3\nstart-fast=y\n"
            f"[clinic]\npg1-path={cluster.data}\npg1-socket-path={cluster.dir}\npg1-user=postgres\n"
        )
        config.chmod(0o644)
        self.command = ["pgbackrest", f"--config={config}", "--stanza=clinic"]
        self.archiving = ["archive_mode=on", f'archive_command={" ".join(self.command)} archive-push "%p"']

    @staticmethod
    def available():
        return shutil.which("pgbackrest") is not None

    def prepare(self):
        self.cluster.stop("fast")
        self.cluster.start(*self.archiving)
        self.cluster.run(*self.command, "stanza-create")

    def back_up(self):
        return self.cluster.run(*self.command, "--type=full", "backup")

    def restore(self):
        began = time.monotonic()
        self.cluster.stop("fast")
        self.cluster.run(*self.command, "--delta", "--type=immediate", "--target-action=promote", "restore")
        self.cluster.start(*self.archiving)
        while self.cluster.ask("clinic", "SELECT pg_is_in_recovery()") != "f":
            time.sleep(0.02)
        self.down = time.monotonic() - began
        return self.down

    def locked_out(self):
        return self.down

    def size(self):
        return tree_bytes(self.repository)


ALL = [CareLog, Custom, Piped, PgBackRest]


def main():
    parser = arguments.parser(__doc__, "carelog-database")
    parser.add_argument("--scale", type=int, default=50, metavar="N", help="of pgbench (default: %(default)s)")
    parser.add_argument("--bin", type=Path, metavar="DIR", help="PostgreSQL's programs (default: the newest installed)")
    args = arguments.decided(parser)
    args.bin = args.bin or newest_programs()
    competitors = [tool for tool in ALL if tool.available()]
    rounds = table.Rounds(args.raw, {"scale": args.scale})
    for number in range(args.rounds):
        turn = number % len(competitors)
        measured = {tool.name: measure(tool, args) for tool in competitors[turn:] + competitors[:turn]}
        rounds.append({tool.name: measured[tool.name] for tool in competitors})
    versions = [output([args.bin / "pg_dump", "--version"])]
    versions += [output(["pgbackrest", "version"])] if PgBackRest in competitors else []
    print(f"pgbench, scale {args.scale}. {'; '.join(map(str.strip, versions))}.")
    rounds.print(UNITS)


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
            measured["restore"] = one.restore()
            if one.locked_out() is not None:
                measured["locked out"] = one.locked_out()
            measured["size"] = one.size()
        finally:
            one.end()
        if cluster.ask("clinic", ACCOUNTS) != before:
            raise SystemExit(f"{tool.name} did not restore the database as it was")
        note(f"{tool.name}: {measured}")
        return measured
    finally:
        cluster.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
