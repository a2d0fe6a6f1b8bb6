"""What every script of this folder understands."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def parser(doc, work, rounds=3):
    """A parser with the common options; `work` names the default folder below the temporary one."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, metavar="N", help="(default: %(default)s)")
    made.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / work,
        metavar="DIR",
        help="where data and archives go; the data stays for the next run (default: %(default)s)",
    )
    made.add_argument("--programs", type=Path, default=REPOSITORY / "target/release", metavar="DIR", help="with ours")
    made.add_argument(
        "--raw", type=Path, metavar="FILE", help="every number as JSON (default: rounds.json in the folder of --work)"
    )
    return made


def decided(made):
    """The arguments with every path resolved, the work folder made, and our programs found."""
    args = made.parse_args()
    # Ended from outside, as timeout(1) does it, a script still ends its daemons and removes what it made.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    args.work.mkdir(parents=True, exist_ok=True)
    args.work, args.programs = args.work.resolve(), args.programs.resolve()
    args.raw = args.raw or args.work / "rounds.json"
    if not all((args.programs / name).exists() for name in ("carelogd", "carelogctl")):
        raise SystemExit(f"carelogd is not in {args.programs}; run: cargo build --release --workspace")
    return args


def note(text):
    print(text, file=sys.stderr, flush=True)
