#!/usr/bin/env python3
"""Restores a tree in place of which one file in a hundred has changed, with CareLog and each other tool, and prints a
Markdown table; for CareLog also how long the application was locked out.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

import dataset
import tools

EVERY = 100


class CareLog(tools.CareLog):
    """The whole transaction: verified, what is live saved, staged, application stopped, swapped, compared, started."""

    def settings(self):
        hooks = {name: f'["/bin/sh", "-c", "date +%s.%N > {self.work}/{name}"]' for name in ("stop", "start")}
        return "".join(f"[hooks.{name}_application]\nargv = {argv}\n" for name, argv in hooks.items())

    def in_place(self):
        return self.ask("restore", "latest", "--yes", "-m", "measured")

    def locked_out(self):
        stopped, started = (float((self.work / name).read_text()) for name in ("stop", "start"))
        return started - stopped


class Restic(tools.Restic):
    """Writes every file again; what was added stays."""

    def in_place(self):
        return self.run("restore", "latest", "--target", self.data)


class Borg(tools.Borg):
    """Writes every file again; what was added stays."""

    def in_place(self):
        return self.run("extract", f"{self.repository}::one", cwd=self.data)


class Rsync:
    """The least that can be done: from a copy that is lying there unpacked, in place, with nothing saved and no way back."""

    name = "rsync"

    def __init__(self, data, work, _programs):
        self.data, self.copy = data, work / "copy"

    @staticmethod
    def available(_programs):
        return shutil.which("rsync") is not None

    @classmethod
    def version(cls, _programs):
        return " ".join(tools.output(["rsync", "--version"]).split()[:3])

    def prepare(self):
        pass

    def back_up(self):
        return tools.timed(["rsync", "-a", f"{self.data}/", self.copy])

    def in_place(self):
        return tools.timed(["rsync", "-a", "--delete", f"{self.copy}/", self.data])

    def end(self):
        pass


ALL = [CareLog, Rsync, Restic, Borg]


def main():
    args = arguments()
    shape = dataset.small_files(args.files)
    args.work.mkdir(parents=True, exist_ok=True)
    master = (args.work / "data").resolve()
    note(f"making {shape.files:,} files in {master}")
    dataset.make(shape, master)
    competitors = [tool for tool in ALL if tool.available(args.programs)]
    rounds = [{tool.name: measure(tool, args, master) for tool in competitors} for _ in range(args.rounds)]
    report(shape, competitors, rounds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "carelog-in-place",
        metavar="DIR",
        help="where data and archives go; the data stays for the next run (default: %(default)s)",
    )
    parser.add_argument("--programs", type=Path, default=tools.REPOSITORY / "target/release", metavar="DIR")
    args = parser.parse_args()
    args.programs = args.programs.resolve()
    return args


def note(text):
    print(text, file=sys.stderr, flush=True)


def measure(tool, args, master):
    """One tool: back up a copy of the data, change one file in a hundred, bring it back, and compare with the data."""
    work = Path(tempfile.mkdtemp(prefix="run-", dir=args.work))
    live = work / "live"
    tools.timed(["cp", "-a", master, live])
    one = tool(live, work, args.programs)
    try:
        one.prepare()
        one.back_up()
        change(live / "studies")
        seconds = {"restore in place": one.in_place().seconds}
        seconds["restore in place, durable"] = seconds["restore in place"] + tools.seconds_to_sync(work)
        if hasattr(one, "locked_out"):
            seconds["locked out"] = one.locked_out()
        # What a restore of ours replaced is kept beside what is live.
        tools.timed(["diff", "-rq", "--no-dereference", "--exclude=.*.carelog-restore-*", master, live])
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


def report(shape, competitors, rounds):
    names = [tool.name for tool in competitors]
    print(f"{shape.files:,} files, one in {EVERY} changed; {len(rounds)} rounds.\n")
    print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for step in rounds[0]["CareLog"]:
        own = median(measured["CareLog"][step] for measured in rounds)
        cells = []
        for name in names:
            values = [measured[name].get(step) for measured in rounds]
            if None in values:
                cells.append("–")
                continue
            each = ", ".join(f"{value:.2f}" for value in values)
            ratio = "" if name == "CareLog" else f" (×{median(values) / own:.2f})"
            cells.append(f"{median(values):.2f} s{ratio}: {each}")
        print(f"| {step} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
