#!/usr/bin/env python3
"""Backs up the same data day after day with CareLog and each other tool that is installed, while it changes a little, and
prints a Markdown table: the first backup, unchanged days, one in a hundred changed, days of churn, restores of the newest
and of a middle day, a check of everything.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import arguments
import churn
import contents
import dataset
import machine
import table
import tools
from arguments import note
from timing import seconds_to_sync
from tools import rustic

PEERS = {"restic": tools.Restic, "borg": tools.Borg, "rustic": tools.Rustic, "tar": tools.Listed}
UNCHANGED_DAYS = 3
# What was written to in the last two seconds is read again by careful tools; between days there is always more.
NIGHT_SECONDS = 2.5


def main():
    args = decided()
    data = churn.ALL[args.dataset](args.scale)
    master = args.work / f"data-{data.name}-{args.scale:g}"
    note(f"making {master}, if it is not there")
    data.make(master)
    competitors = [tool for tool in [tools.CareLog, *(PEERS[name] for name in args.peers)] if tool.available()]
    about = {"dataset": data.name, "scale": args.scale, "days": args.days, "tools": [tool.name for tool in competitors]}
    rounds = table.Rounds(args.raw, about, args.add)
    for _ in range(args.rounds):
        rounds.append(Round(args, data, master, competitors, len(rounds)).run())
    report(args, data, master, competitors, rounds)


def decided():
    parser = arguments.parser(__doc__, "carelog-days")
    parser.add_argument("--dataset", choices=churn.ALL, default="files", help="(default: %(default)s)")
    parser.add_argument("--million", action="store_const", dest="dataset", const="million", help="short for its data set")
    parser.add_argument("--scale", type=float, default=1, metavar="X", help="share of its size (default: %(default)s)")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="of churn (default: %(default)s)")
    parser.add_argument(
        "--peers", type=peers, default=list(PEERS), metavar="LIST", help="(default: those of restic,borg,rustic,tar there)"
    )
    parser.add_argument("--rustic", type=Path, metavar="DIR", help=f"has cargo build rustic {rustic.VERSION} there first")
    parser.add_argument("--add", action="store_true", help="add to the rounds in the file of --raw")
    args = arguments.decided(parser)
    if args.rustic:
        rustic.build(args.rustic.resolve())
    return args


def peers(text):
    names = text.split(",") if text else []
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"not known: {', '.join(unknown)}")
    return names


class Round:
    """One life of the data. All tools back up each of its states, in an order that moves on with each."""

    def __init__(self, args, data, master, competitors, number):
        self.args, self.data, self.number = args, data, number
        self.work = Path(tempfile.mkdtemp(prefix="run-", dir=args.work))
        self.live = self.work / "live" if data.changes else master
        if data.changes:
            subprocess.run(["cp", "-a", master, self.live], check=True)
        self.tools = []
        for tool in competitors:
            folder = self.work / tool.__name__.lower()
            folder.mkdir()
            self.tools.append(tool(self.live, folder, args.programs))
        self.measured = {tool.name: {} for tool in self.tools}
        self.turn = number

    def run(self):
        try:
            for tool in self.tools:
                tool.prepare()
            self.first()
            self.unchanged()
            if self.data.changes:
                self.changed()
                held = self.churn()
                self.restore(held)
                self.verify()
            for tool in self.tools:
                self.keep(tool, "disk, with caches and state", tool.disk())
            return self.measured
        finally:
            for tool in self.tools:
                tool.end()
            shutil.rmtree(self.work)

    def first(self):
        for tool, spent, added, durable in self.back_up("first"):
            self.keep(tool, "first", spent.seconds)
            self.keep(tool, "first, durable", spent.seconds + durable)
            self.keep(tool, "size, first", added)
            self.keep(tool, "peak memory, first", spent.peak_bytes)

    def unchanged(self):
        taken = {tool.name: [] for tool in self.tools}
        for number in range(UNCHANGED_DAYS):
            for tool, spent, added, _ in self.back_up(f"unchanged-{number}"):
                taken[tool.name].append((spent.seconds, added, spent.peak_bytes))
        for tool in self.tools:
            seconds, added, peak = (median(values) for values in zip(*taken[tool.name], strict=True))
            self.keep(tool, "unchanged", seconds)
            self.keep(tool, "size, unchanged", added)
            self.keep(tool, "peak memory, unchanged", peak)

    def changed(self):
        self.data.change_hundredth(self.live)
        for tool, spent, added, _ in self.back_up("changed"):
            self.keep(tool, "1 % changed", spent.seconds)
            self.keep(tool, "size, 1 % changed", added)

    def churn(self):
        """The days. Returns what was there on the last and on the middle one, by the name of the row."""
        last = self.args.days
        kept = {max(last // 2, 1): "middle", last: "newest"}
        taken = {tool.name: [] for tool in self.tools}
        held = {}
        for day in range(1, last + 1):
            self.data.day(self.live, day)
            for tool, spent, added, durable in self.back_up(f"day-{day}"):
                taken[tool.name].append((spent.seconds, spent.seconds + durable, added, spent.peak_bytes))
            if day in kept:
                held[kept[day]] = f"day-{day}", contents.of(self.live)
        for tool in self.tools if last else []:
            seconds, durable, added, peaks = zip(*taken[tool.name], strict=True)
            self.keep(tool, f"{last} days", sum(seconds))
            self.keep(tool, f"{last} days, durable", sum(durable))
            self.keep(tool, f"size, {last} days", sum(added))
            self.keep(tool, "size, all", tool.size())
            self.keep(tool, "peak memory, days", max(peaks))
        return held

    def restore(self, held):
        for label, (name, wanted) in held.items():
            for tool in self.in_turn():
                to = self.work / "restored"
                spent = tool.restore(to, name)
                durable = seconds_to_sync(self.work)
                contents.expect(wanted, contents.of(to), tool.name)
                shutil.rmtree(to)
                note(f"round {self.number + 1}, restore {name}, {tool.name}: {spent.seconds:.2f} s, {durable:.2f} s to sync")
                self.keep(tool, f"restore, {label}", spent.seconds)
                self.keep(tool, f"restore, {label}, durable", spent.seconds + durable)
                self.keep(tool, f"peak memory, restore, {label}", spent.peak_bytes)

    def verify(self):
        for tool in self.in_turn():
            spent = tool.verify()
            note(f"round {self.number + 1}, verify, {tool.name}: {spent.seconds:.2f} s")
            self.keep(tool, "verify all", spent.seconds)
            self.keep(tool, "peak memory, verify", spent.peak_bytes)

    def back_up(self, name):
        """Each tool in turn: what it took, the bytes that it added, and the seconds of the sync that it left."""
        time.sleep(NIGHT_SECONDS)
        os.sync()
        for tool in self.in_turn():
            before = tool.size()
            spent = tool.back_up(name)
            durable = seconds_to_sync(self.work)
            note(f"round {self.number + 1}, {name}, {tool.name}: {spent.seconds:.2f} s, {durable:.2f} s to sync")
            yield tool, spent, tool.size() - before, durable

    def in_turn(self):
        self.turn += 1
        at = self.turn % len(self.tools)
        return self.tools[at:] + self.tools[:at]

    def keep(self, tool, row, value):
        self.measured[tool.name][row] = value


def report(args, data, master, competitors, rounds):
    files = sum(1 for path in master.rglob("*") if path.is_file())
    print(f"{data.name}: {files:,} files, {dataset.read(master) / 1e9:.2f} GB; {machine.description(args.work)}.")
    print(f"Warm cache, sync before each step. {'; '.join(tool.version(args.programs) for tool in competitors)}.")
    rounds.print({row: unit(row) for row in rows(args.days)})


def rows(days):
    """In the order of the table: what takes time, what takes room, what takes memory."""
    times = ["first", "first, durable", "unchanged", "1 % changed", f"{days} days", f"{days} days, durable"]
    times += [f"restore, {which}{end}" for which in ("newest", "middle") for end in ("", ", durable")]
    sizes = ["size, first", "size, unchanged", "size, 1 % changed", f"size, {days} days", "size, all"]
    peaks = ["first", "unchanged", "days", "restore, newest", "restore, middle", "verify"]
    return [*times, "verify all", *sizes, "disk, with caches and state", *(f"peak memory, {peak}" for peak in peaks)]


def unit(row):
    return table.size if row.startswith(("size", "disk", "peak")) else table.seconds


if __name__ == "__main__":
    main()
