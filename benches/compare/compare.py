#!/usr/bin/env python3
"""Runs CareLog and each other tool that is installed side by side on the same data, and prints a Markdown table.

What is measured and how is written down in docs/PERFORMANCE.md. Build first: cargo build --release --workspace
"""

import argparse
import hashlib
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import dataset
import tools

STEPS = ["first backup", "verify", "full restore", "one file"]
# A step that is not durable when it ends is timed again with the sync that it leaves to others.
ROWS = ["first backup", "first backup, durable", "verify", "full restore", "full restore, durable", "one file"]


def main():
    args = arguments()
    shape = dataset.small_files(args.files) if args.files else dataset.clinic(0.075 if args.small else 1)
    args.work.mkdir(parents=True, exist_ok=True)
    root = (args.work / "data").resolve()
    note(f"making {shape.files:,} files in {root}")
    # In a process of its own: the most memory that a child held counts from before it became another program, so this
    # one has to stay small.
    with multiprocessing.Pool(1) as pool:
        member, size = pool.apply(prepare, (shape, root))
    competitors = [tool for tool in tools.ALL if tool.available(args.programs)]
    if tools.CareLog not in competitors:
        raise SystemExit(f"carelogd is not in {args.programs}; run: cargo build --release --workspace")
    rounds = []
    for number in range(args.rounds):
        rounds.append({tool.name: measure(tool, args, root, member, number) for tool in competitors})
    report(args, shape, size, competitors, rounds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--small", action="store_true", help="about 300 MB instead of 4 GB, to see that it works")
    amount.add_argument("--files", type=int, metavar="N", help="N small files instead")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "carelog-compare",
        metavar="DIR",
        help="where data and archives go; the data stays for the next run (default: %(default)s)",
    )
    parser.add_argument("--programs", type=Path, default=tools.REPOSITORY / "target/release", metavar="DIR")
    args = parser.parse_args()
    args.programs = args.programs.resolve()
    return args


def note(text):
    print(text, file=sys.stderr, flush=True)


def prepare(shape, root):
    """Makes the data, and reads all of it once, so that the first tool pays no more for it than the last."""
    member = dataset.make(shape, root)
    size = sum(len(path.read_bytes()) for path in root.rglob("*") if path.is_file())
    return member, size


def measure(tool, args, root, member, number):
    """One tool through all steps; what it restored is compared with what there was."""
    work = Path(tempfile.mkdtemp(prefix="run-", dir=args.work))
    one = tool(root, work, args.programs)
    try:
        one.prepare()
        spent = {"first backup": one.back_up()}
        durable = {"first backup": tools.seconds_to_sync(work)}
        spent["verify"] = one.verify()
        spent["full restore"] = one.restore(work / "restored")
        durable["full restore"] = tools.seconds_to_sync(work)
        compare(root, work / "restored", tool.name)
        spent["one file"] = one.one_file(member, work / "one")
        if one.fetched(member, work / "one") != (root / member).read_bytes():
            raise SystemExit(f"{tool.name} did not fetch {member} as it is")
        seconds = {step: spent[step].seconds for step in STEPS}
        seconds |= {f"{step}, durable": seconds[step] + durable[step] for step in durable}
        note(f"round {number + 1}, {tool.name}: " + ", ".join(f"{step} {seconds[step]:.2f} s" for step in ROWS))
        memory = {"peak": max(spent[step].peak_bytes for step in STEPS), **one.memory}
        return {"seconds": seconds, "memory": memory, "size": one.size()}
    finally:
        one.end()
        shutil.rmtree(work)


def compare(expected, found, name):
    """A tool that is fast because it lost something is not fast."""
    for path in expected.rglob("*"):
        other = found / path.relative_to(expected)
        if path.is_file() and digest(path) != digest(other):
            raise SystemExit(f"{name} did not restore {path.relative_to(expected)} as it was")


def digest(path):
    hash = hashlib.blake2b()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            hash.update(piece)
    return hash.digest()


def report(args, shape, size, competitors, rounds):
    names = [tool.name for tool in competitors]

    def middle(name, *keys):
        values = []
        for measured in rounds:
            value = measured[name]
            for key in keys:
                value = value.get(key) if value is not None else None
            values.append(value)
        return median(values) if None not in values else None

    def row(label, value_of, shown):
        own = value_of("CareLog")
        cells = []
        for name in names:
            value = value_of(name)
            ratio = f" (×{value / own:.2f})" if value is not None and own and name != "CareLog" else ""
            cells.append("–" if value is None else shown(value) + ratio)
        print(f"| {label} | {' | '.join(cells)} |")

    print(f"{shape.files:,} files, {size / 1e9:.2f} GB; {machine(args.work)}. Warm cache, sync before each step.")
    print(f"{'; '.join(tool.version(args.programs) for tool in competitors)}.")
    print(f"Median of {len(rounds)} rounds; in brackets the multiple of CareLog's.\n")
    print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for step in ROWS:
        row(step, lambda name: middle(name, "seconds", step), seconds)
    row("peak memory", lambda name: middle(name, "memory", "peak"), megabytes)
    for key in ["idle, started", "idle, after all that"]:
        row(f"memory of the daemon, {key}", lambda name: middle(name, "memory", key), megabytes)
    row("size", lambda name: middle(name, "size"), megabytes)
    print("\nEach round, in seconds:\n")
    print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for step in ROWS:
        each = [", ".join(f"{measured[name]['seconds'][step]:.3f}" for measured in rounds) for name in names]
        print(f"| {step} | {' | '.join(each)} |")


def seconds(value):
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def megabytes(value):
    return f"{value / 1e6:.1f} MB"


def machine(work):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    mounts = [line.split() for line in open("/proc/mounts")]
    holds = [mount for mount in mounts if str(work.resolve()).startswith(mount[1])]
    kind = max(holds, key=lambda mount: len(mount[1]))[2]
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB of memory, {kind}, Linux {platform.release()}"


if __name__ == "__main__":
    main()
