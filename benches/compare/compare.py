#!/usr/bin/env python3
"""Runs CareLog and each other tool that is installed side by side on the same data, and prints a Markdown table.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import shutil
import tempfile
from pathlib import Path

import arguments
import contents
import dataset
import machine
import table
import tools
from arguments import note
from timing import seconds_to_sync

ALL = [tools.CareLog, tools.Restic, tools.Borg, tools.TarZstd]
STEPS = ["first backup", "verify", "full restore", "one file"]
# A step that is not durable when it ends is timed again with the sync that it leaves to others.
UNITS = {
    "first backup": table.seconds,
    "first backup, durable": table.seconds,
    "verify": table.seconds,
    "full restore": table.seconds,
    "full restore, durable": table.seconds,
    "one file": table.seconds,
    "peak memory": table.size,
    "memory of the daemon, idle, started": table.size,
    "memory of the daemon, idle, after all that": table.size,
    "size": table.size,
}


def main():
    args = decided()
    shape = dataset.small_files(args.files) if args.files else dataset.clinic(0.075 if args.small else 1)
    root = args.work / "data"
    note(f"making {shape.files:,} files in {root}")
    member = dataset.make(shape, root)
    size = dataset.read(root)
    competitors = [tool for tool in ALL if tool.available()]
    rounds = table.Rounds(args.raw, {"files": shape.files, "bytes": size})
    for number in range(args.rounds):
        turn = number % len(competitors)
        measured = {tool.name: measure(tool, args, root, member) for tool in competitors[turn:] + competitors[:turn]}
        rounds.append({tool.name: measured[tool.name] for tool in competitors})
    print(f"{shape.files:,} files, {size / 1e9:.2f} GB; {machine.description(args.work)}.")
    print(f"Warm cache, sync before each step. {'; '.join(tool.version(args.programs) for tool in competitors)}.")
    rounds.print(UNITS)


def decided():
    parser = arguments.parser(__doc__, "carelog-compare")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--small", action="store_true", help="about 300 MB instead of 4 GB, to see that it works")
    amount.add_argument("--files", type=int, metavar="N", help="N small files instead")
    return arguments.decided(parser)


def measure(tool, args, root, member):
    """One tool through all steps; what it restored is compared with what there was."""
    work = Path(tempfile.mkdtemp(prefix="run-", dir=args.work))
    one = tool(root, work, args.programs)
    try:
        one.prepare()
        idle = {"started": one.settled_bytes()} if tool is tools.CareLog else {}
        spent = {"first backup": one.back_up()}
        durable = {"first backup": seconds_to_sync(work)}
        spent["verify"] = one.verify()
        spent["full restore"] = one.restore(work / "restored")
        durable["full restore"] = seconds_to_sync(work)
        if idle:
            idle["after all that"] = one.settled_bytes()
        contents.expect(contents.of(root), contents.of(work / "restored"), tool.name)
        spent["one file"] = one.one_file(member, work / "one")
        if one.fetched(member, work / "one") != (root / member).read_bytes():
            raise SystemExit(f"{tool.name} did not fetch {member} as it is")
        measured = {step: spent[step].seconds for step in STEPS}
        measured |= {f"{step}, durable": measured[step] + durable[step] for step in durable}
        note(f"{tool.name}: " + ", ".join(f"{step} {took:.2f} s" for step, took in measured.items()))
        measured["peak memory"] = max(spent[step].peak_bytes for step in STEPS)
        measured |= {f"memory of the daemon, idle, {when}": held for when, held in idle.items()}
        return measured | {"size": one.size()}
    finally:
        one.end()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
