"""What a folder holds, so that what a tool restored can be held against it. A tool that is fast because it lost
something is not fast.
"""

import hashlib
from pathlib import Path

SHOWN = 5


def of(root):
    """Path to what is there: of a file the mode, the second of its last change, and a hash. Folders count as such."""
    return {str(path.relative_to(root)): one(path) for path in Path(root).rglob("*")}


def one(path):
    status = path.lstat()
    if path.is_dir():
        return ("folder", status.st_mode)
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "blake2b").digest()
    # Whole seconds, because GNU tar's own format keeps no more.
    return ("file", status.st_mode, int(status.st_mtime), content)


def expect(wanted, found, name):
    """Ends the run where `name` did not bring back just what is wanted."""
    wrong = sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
    if wrong:
        shown = ", ".join(f"{path} ({said(wanted.get(path))}, found {said(found.get(path))})" for path in wrong[:SHOWN])
        raise SystemExit(f"{name} did not restore {len(wrong)} entries as they were: {shown}")


def said(entry):
    return "nothing" if entry is None else " ".join(str(part) for part in entry[:3])
