"""Runs a command to its end and says what it took: seconds, and the most memory that it and its children held."""

import os
import shlex
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_SECONDS = 0.05


@dataclass
class Spent:
    """What a command took."""

    seconds: float
    peak_bytes: int


def timed(argv, **options):
    """Runs `argv`; whatever it prints is shown only when it fails. What others left in the cache is written first."""
    os.sync()
    began = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    memory = Memory(process.pid)
    memory.start()
    printed = process.stdout.read()
    status = process.wait()
    seconds = time.monotonic() - began
    memory.end()
    if status != 0:
        raise SystemExit(f"{shlex.join(map(str, argv))} ended with {status}:\n{printed.decode(errors='replace')}")
    return Spent(seconds, memory.peak_bytes)


def piped(script, **options):
    return timed(["bash", "-euo", "pipefail", "-c", script], **options)


def seconds_to_sync(folder):
    """How long it takes until what a tool wrote would outlive a power cut."""
    began = time.monotonic()
    subprocess.run(["sync", "-f", folder], check=True)
    return time.monotonic() - began


def output(argv):
    return subprocess.check_output(argv, text=True)


class Memory(threading.Thread):
    """Looks at a process and its children: each one's own high-water mark, summed over those that live at the same time.

    wait4(2) would not do: it counts what this script held before the child became another program, and of a pipe only
    the largest.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak_bytes, self.ended = pid, 0, threading.Event()

    def run(self):
        # Often at first, because many a command is over in a moment.
        pause = 0.001
        while True:
            self.peak_bytes = max(self.peak_bytes, sum(high_water_bytes(pid) for pid in tree(self.pid)))
            if self.ended.wait(pause):
                return
            pause = min(pause * 2, LOOK_EVERY_SECONDS)

    def end(self):
        self.ended.set()
        self.join()


def tree(pid):
    """The process and all below it that still live."""
    found = [pid]
    for one in found:
        try:
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def high_water_bytes(pid):
    """0 for a process that has ended."""
    return status_bytes(pid, "VmHWM") or 0


def status_bytes(pid, key):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":")), None)
