"""GNU tar through zstd: no manifest, no checksum but zstd's own, nothing made durable."""

import shlex
import shutil

from timing import output, piped, timed

from .tool import FIRST, Tool


def quoted(path):
    return shlex.quote(str(path))


class TarZstd(Tool):
    """The limit of a single backup. Verified by sha256sum of its archive."""

    name = "tar and zstd"

    def __init__(self, data, work, programs):
        super().__init__(data, work, programs)
        self.archive = self.repository / "archive.tar.zst"

    @classmethod
    def available(cls):
        return shutil.which("tar") is not None and shutil.which("zstd") is not None

    @classmethod
    def version(cls, _programs):
        return f"{output(['tar', '--version']).splitlines()[0]}, {output(['zstd', '--version']).strip(' *').split(',')[0]}"

    def prepare(self):
        self.repository.mkdir()

    def back_up(self, name=FIRST):
        return piped(f"tar -C {quoted(self.data)} -c data.json studies | zstd -q -3 -T0 -o {quoted(self.archive)}")

    def verify(self):
        return timed(["sha256sum", self.archive])

    def restore(self, to, name=FIRST):
        to.mkdir()
        return piped(f"zstd -q -dc {quoted(self.archive)} | tar -C {quoted(to)} -xp")

    def one_file(self, member, to):
        to.mkdir()
        return piped(f"zstd -q -dc {quoted(self.archive)} | tar -C {quoted(to)} -xp {shlex.quote(member)}")


class Listed(TarZstd):
    """`--listed-incremental`: an archive a day with what changed since the one before, and a list of what was there.

    A changed file is stored whole; a restore unpacks the first archive and every one behind it in turn.
    Verified by zstd's checksum of each archive.
    """

    def __init__(self, data, work, programs):
        super().__init__(data, work, programs)
        self.names = []

    def back_up(self, name=FIRST):
        self.names.append(name)
        # All of it by one name: of a folder that was renamed below one of several, tar loses the files.
        listed = f"tar -C {quoted(self.data)} --listed-incremental={quoted(self.work / 'list')} -c ."
        return piped(f"{listed} | zstd -q -3 -T0 -o {self.file(name)}")

    def verify(self):
        return piped(f"zstd -q -t {' '.join(map(self.file, self.names))}")

    def restore(self, to, name=FIRST):
        to.mkdir()
        needed = self.names[: self.names.index(name) + 1]
        unpack = f"tar -C {quoted(to)} --listed-incremental=/dev/null -xp"
        return piped("; ".join(f"zstd -q -dc {self.file(one)} | {unpack}" for one in needed))

    def file(self, name):
        return quoted(self.repository / f"{name}.tar.zst")
