"""What all tools have in common, and what each has to say."""

import os
import shutil

FIRST = "first"


class Tool:
    """One tool on its own repository: made, asked for each step in turn, ended.

    A backup is called by a name, with which it is restored later. Each step returns what it took (`timing.Spent`).
    """

    name = None
    program = None

    def __init__(self, data, work, _programs):
        self.data, self.work = data, work
        self.repository = work / "repository"
        self.environment = dict(os.environ)
        # What is known of the memory beyond each step's peak: name to bytes.
        self.memory = {}

    @classmethod
    def available(cls):
        return shutil.which(cls.program) is not None

    @classmethod
    def version(cls, programs):
        raise NotImplementedError

    def prepare(self):
        """Makes the repository."""

    def back_up(self, name=FIRST):
        raise NotImplementedError

    def verify(self):
        """Reads back every byte that is stored."""
        raise NotImplementedError

    def restore(self, to, name=FIRST):
        raise NotImplementedError

    def one_file(self, member, to):
        raise NotImplementedError

    def fetched(self, member, to):
        return (to / member).read_bytes()

    def size(self):
        """Of all backups, in bytes."""
        return tree_bytes(self.repository)

    def disk(self):
        """What the tool takes on the disk, with its caches and its state."""
        return sum(path.lstat().st_blocks * 512 for path in self.work.rglob("*"))

    def end(self):
        """Ends what still runs."""


def tree_bytes(root):
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())
