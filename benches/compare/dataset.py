"""The data that every tool is measured on: a clinic's JSON file and a tree of study files, the same for the same shape.

Nothing here is random between runs: every file comes from a generator that is seeded with its number.
"""

import functools
import json
import os
import random
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

WORDS = (
    "the patient was seen for follow-up of chest pain no acute findings blood pressure stable continue medication "
    "review in four weeks image shows normal heart size clear lungs without effusion comparison unchanged previous "
    "study knee left right joint space preserved mild degenerative change recommend physiotherapy laboratory results "
    "within range glucose cholesterol creatinine haemoglobin referral cardiology discharged home advice given"
).split()
POOL_BYTES = 32 << 20
ROW = 512
# Each row of an image is a gradient with noise in its low bits.
ROW_TABLES = [bytes((base << 4 | (byte & 0x07)) for byte in range(256)) for base in range(16)]


@dataclass(frozen=True)
class Shape:
    """How much of what. Sizes in bytes; a file is between half and one and a half times its kind's size."""

    text_files: int
    text_bytes: int
    image_files: int
    image_bytes: int
    noise_files: int
    noise_bytes: int
    records: int
    per_folder: int = 500
    version: int = 2

    @property
    def files(self):
        return self.text_files + self.image_files + self.noise_files + 1


def clinic(share):
    """A share of about 4 GB in 60,000 files."""
    return Shape(
        text_files=int(42_000 * share),
        text_bytes=8_000,
        image_files=int(15_000 * share),
        image_bytes=210_000,
        noise_files=int(3_000 * share),
        noise_bytes=210_000,
        records=int(60_000 * share),
    )


def small_files(count, text_bytes=1_500):
    """Nothing but small files."""
    return Shape(
        text_files=count, text_bytes=text_bytes, image_files=0, image_bytes=0, noise_files=0, noise_bytes=0, records=1_000
    )


def large_images(share):
    """A share of about 2 GB in 400 files, a third of which does not compress, twenty to a study."""
    return Shape(
        text_files=0,
        text_bytes=0,
        image_files=max(int(270 * share), 10),
        image_bytes=5_000_000,
        noise_files=max(int(130 * share), 5),
        noise_bytes=5_000_000,
        records=1_000,
        per_folder=20,
    )


def make(shape, root):
    """Makes the data in `root`, unless it is there already. Returns the member that is fetched alone: an image or text."""
    stamp = root.with_name(root.name + ".json")
    if not (stamp.exists() and json.loads(stamp.read_text()) == asdict(shape)):
        shutil.rmtree(root, ignore_errors=True)
        stamp.unlink(missing_ok=True)
        (root / "studies").mkdir(parents=True)
        (root / "data.json").write_text(records(shape.records))
        write_tree(shape, root / "studies")
        os.sync()
        stamp.write_text(json.dumps(asdict(shape)))
    folders = sorted((root / "studies").iterdir())
    middle = folders[len(folders) // 2]
    return str(sorted(path for path in middle.rglob("*") if path.is_file())[0].relative_to(root))


def read(root):
    """Reads all of it once, so that the first tool pays no more for it than the last. Returns the bytes."""
    read_bytes = 0
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    read_bytes += len(piece)
    return read_bytes


def records(count):
    """The data file: patients with visits, as an application writes it."""
    source = random.Random(0)
    patients = [{"id": n, "name": f"Patient {n}", "born": f"19{n % 90 + 10}-03-{n % 28 + 1:02}"} for n in range(count)]
    visits = [
        {"patient": source.randrange(count), "note": " ".join(source.choices(WORDS, k=12))} for _ in range(count * 2)
    ]
    return json.dumps({"patients": patients, "visits": visits, "auditLogs": [], "sessions": {}}, indent=1)


def write_tree(shape, root):
    """Folders of as many files as the shape says, spread over a hundred folders above them."""
    pool = text_pool()
    kinds = [
        (shape.image_files, shape.image_bytes, "dcm", image),
        (shape.noise_files, shape.noise_bytes, "jpg", lambda source, size: source.randbytes(size)),
        (shape.text_files, shape.text_bytes, "txt", lambda source, size: slice_of(pool, source, size)),
    ]
    number = 0
    for count, mean, suffix, content in kinds:
        for _ in range(count):
            study = number // shape.per_folder
            folder = root / f"{study % 100:02}" / f"{study:05}"
            if number % shape.per_folder == 0:
                folder.mkdir(parents=True)
            source = random.Random(number)
            size = source.randrange(mean // 2, mean * 3 // 2)
            (folder / f"{number:07}.{suffix}").write_bytes(content(source, size))
            number += 1


@functools.cache
def text_pool():
    """Text of which small files are pieces: long enough that pieces seldom overlap."""
    source = random.Random(1)
    pieces = []
    length = 0
    while length < POOL_BYTES:
        piece = " ".join(source.choices(WORDS, k=10_000))
        pieces.append(piece)
        length += len(piece)
    return "\n".join(pieces).encode()


def slice_of(pool, source, size):
    at = source.randrange(len(pool) - size)
    return pool[at : at + size]


def image(source, size):
    noise = source.randbytes(size)
    rows = (
        noise[at : at + ROW].translate(ROW_TABLES[at // ROW // 16 % 16]) for at in range(0, max(size - 132, 0), ROW)
    )
    return (bytes(128) + b"DICM" + b"".join(rows))[:size]
