#!/usr/bin/env python3
"""Restores a tree in place of which one file in a hundred has changed, with CareLog and each other tool, and prints a
Markdown table; for CareLog also how long the application was locked out.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import os
import shutil
import tempfile
from pathlib import Path

import arguments
import dataset
import table
import tools
from arguments import note
from timing import output, seconds_to_sync, timed

EVERY = 100
UNITS = {step: table.seconds for step in ("restore in place", "restore in place, durable", "locked out")}


class Restic(tools.Restic):
    """Writes every file again; what was added stays."""

    def in_place(self):
        return self.run("restore", "latest", "--target", self.data)


class Borg(tools.Borg):
    """Writes every file again; what was added stays."""

    def in_place(self):
        return self.run("extract", self.archive(tools.FIRST), cwd=self.data)


class Rsync(tools.Tool):
    """The least that can be done: from a copy that is lying there unpacked, in place, with nothing saved and no way back."""

    name = program = "rsync"

    @classmethod
    def version(cls, _programs):
        return " ".join(output(["rsync", "--version"]).split()[:3])

    def back_up(self, name=tools.FIRST):
        return timed(["rsync", "-a", f"{self.data}/", self.repository])

    def in_place(self):
        return timed(["rsync", "-a", "--delete", f"{self.repository}/", self.data])


ALL = [tools.InPlace, Rsync, Restic, Borg]


def main():
    parser = arguments.parser(__doc__, "carelog-in-place")
    parser.add_argument("--files", type=int, default=100_000, metavar="N", help="(default: %(default)s)")
    args = arguments.decided(parser)
    shape = dataset.small_files(args.files)
    master = args.work / "data"
    note(f"making {shape.files:,} files in {master}")
    dataset.make(shape, master)
    competitors = [tool for tool in ALL if tool.available()]
    rounds = table.Rounds(args.raw, {"files": shape.files, "changed, one in": EVERY})
    for _ in range(args.rounds):
        rounds.append({tool.name: measure(tool, args, master) for tool in competitors})
    print(f"{shape.files:,} files, one in {EVERY} changed.")
    print(f"{'; '.join(tool.version(args.programs) for tool in competitors)}.")
    rounds.print(UNITS)


def measure(tool, args, master):
    """One tool: back up a copy of the data, change one file in a hundred, bring it back, and compare with the data."""
    work = Path(tempfile.mkdtemp(prefix="run-", dir=args.work))
    live = work / "live"
    timed(["cp", "-a", master, live])
    one = tool(live, work, args.programs)
    try:
        one.prepare()
        one.back_up()
        change(live / "studies")
        seconds = {"restore in place": one.in_place().seconds}
        seconds["restore in place, durable"] = seconds["restore in place"] + seconds_to_sync(work)
        if tool is tools.InPlace:
            seconds["locked out"] = one.locked_out()
        # What a restore of ours replaced is kept beside what is live.
        timed(["diff", "-rq", "--no-dereference", "--exclude=.*.carelog-restore-*", master, live])
        note(f"{tool.name}: " + ", ".join(f"{step} {spent:.2f} s" for step, spent in seconds.items()))
        return seconds
    finally:
        one.end()
        shutil.rmtree(work)


def change(root):
    """Rewrites one file in a hundred with other content of another length."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    for path in files[::EVERY]:
        path.write_bytes(b"changed\n" + path.read_bytes())
    os.sync()


if __name__ == "__main__":
    main()
