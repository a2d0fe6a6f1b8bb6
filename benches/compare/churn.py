"""The three kinds of data, and what a day does to each; the same day is the same for every tool and every round."""

import random
import shutil
from pathlib import Path

import dataset
import rows

# Every so many days a folder gets another name, as a study that was filed under the wrong patient.
MOVED_EVERY_DAYS = 5


class Files:
    """Many small files: 60,000 in 500 MB. A day brings 0.3 % new ones, rewrites 0.2 %, removes 0.1 %."""

    name, changes = "files", True
    new, rewritten, removed = 0.003, 0.002, 0.001

    def __init__(self, scale):
        self.shape = dataset.small_files(int(60_000 * scale), 8_000)

    def make(self, root):
        dataset.make(self.shape, root)

    def change_hundredth(self, root):
        """Rewrites every hundredth file."""
        source = random.Random("hundredth")
        for path in paths(root)[::100]:
            self.rewrite(path, source)

    def day(self, root, number):
        source = random.Random(number)
        there = paths(root)
        if number % MOVED_EVERY_DAYS == 0:
            folder = source.choice(there).parent
            folder.rename(folder.with_name(f"moved-{number}"))
            there = paths(root)
        picked = iter(source.sample(there, count(there, self.rewritten) + count(there, self.removed)))
        for _ in range(count(there, self.rewritten)):
            self.rewrite(next(picked), source)
        for path in picked:
            path.unlink()
        folder = root / "studies" / f"{number % 100:02}" / f"day-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        for at in range(count(there, self.new)):
            self.add(folder, at, source)

    def rewrite(self, path, source):
        path.write_bytes(self.text(source))

    def add(self, folder, at, source):
        (folder / f"{at}.txt").write_bytes(self.text(source))

    def text(self, source):
        size = source.randrange(self.shape.text_bytes // 2, self.shape.text_bytes * 3 // 2)
        return dataset.slice_of(dataset.text_pool(), source, size)


class Images(Files):
    """Large files as DICOM: 2 GB in 400, a third incompressible. A day brings 1 % new ones, corrects and removes 0.25 %."""

    name = "images"
    new, rewritten, removed = 0.01, 0.0025, 0.0025
    HEADER_BYTES = 132

    def __init__(self, scale):
        self.shape = dataset.large_images(scale)

    def rewrite(self, path, source):
        """Corrects a name in the header: all behind it moves by a few bytes, and the file is written again."""
        content = path.read_bytes()
        path.write_bytes(content[: self.HEADER_BYTES] + source.randbytes(24) + content[self.HEADER_BYTES :])

    def add(self, folder, at, source):
        size = source.randrange(self.shape.image_bytes // 2, self.shape.image_bytes * 3 // 2)
        content = source.randbytes(size) if at % 3 == 2 else dataset.image(source, size)
        (folder / f"{at}.dcm").write_bytes(content)


class Dump:
    """A SQL dump of 150 MB and a JSON file of 50 MB. A day corrects 0.1 % of the rows in ten runs and adds 0.3 %."""

    name, changes = "dump", True

    def __init__(self, scale):
        self.sql_rows = int(150e6 * scale / rows.SQL_ROW_BYTES)
        self.json_rows = int(50e6 * scale / rows.JSON_ROW_BYTES)

    def make(self, root):
        if root.exists():
            return
        # It gets its name when it is whole.
        beside = root.with_name(root.name + ".new")
        shutil.rmtree(beside, ignore_errors=True)
        (beside / "studies").mkdir(parents=True)
        for file, count in zip(self.both(beside), (self.sql_rows, self.json_rows), strict=True):
            file.make(count)
        beside.rename(root)

    def change_hundredth(self, root):
        """Corrects one row in a hundred, in twenty runs."""
        source = random.Random("hundredth")
        for file in self.both(root):
            file.change(source, 0.01, 20)

    def day(self, root, number):
        source = random.Random(number)
        for file in self.both(root):
            file.change(source, 0.001, 10, grow=0.003)

    def both(self, root):
        return rows.sql_dump(root / "studies/database.sql"), rows.json_file(root / "data.json")


class Million(Files):
    """A million small files, of which none changes: only the first backup and unchanged days."""

    name, changes = "million", False

    def __init__(self, scale):
        self.shape = dataset.small_files(int(1_000_000 * scale))


ALL = {kind.name: kind for kind in (Files, Images, Dump, Million)}


def paths(root):
    """The study files, in one order everywhere."""
    return sorted(path for path in Path(root, "studies").rglob("*") if path.is_file())


def count(there, share):
    return max(int(len(there) * share), 1)
