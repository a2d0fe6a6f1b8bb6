"""A SQL dump as pg_dump writes it, and a JSON file with an element a line: both made, changed in places, and grown.

What an application does to its data: some rows are corrected where they stand, most of the news is at the end. Both
files are written whole, as pg_dump and the application do it.
"""

import json
import os
import random
from itertools import accumulate

from dataset import WORDS

# On average.
SQL_ROW_BYTES, JSON_ROW_BYTES = 113, 154
# A correction makes a row ten bytes longer.
CORRECTED = b" corrected"


def sql_row(number, source):
    note = " ".join(source.choices(WORDS, cum_weights=EVENLY, k=12))
    return f"{number}\t{source.randrange(100_000)}\t2025-{number % 12 + 1:02}-{number % 28 + 1:02}\t{note}\n".encode()


def json_row(number, source):
    note = " ".join(source.choices(WORDS, cum_weights=EVENLY, k=12))
    element = {"id": number, "patient": source.randrange(100_000), "day": f"2025-03-{number % 28 + 1:02}", "note": note}
    return f"{json.dumps(element)},\n".encode()


EVENLY = list(accumulate([1] * len(WORDS)))


class Rows:
    """The rows of a file, between what stands before and behind them."""

    def __init__(self, path, row, head, tail, ending):
        self.path, self.row, self.head, self.tail = path, row, head, tail
        # What a row ends with behind its last text.
        self.ending = ending

    def make(self, count):
        source = random.Random(count)
        self.write([self.row(number, source) for number in range(count)])

    def read(self):
        return self.path.read_bytes().splitlines(keepends=True)[len(self.head) : -len(self.tail)]

    def write(self, rows):
        beside = self.path.with_name(self.path.name + ".new")
        with beside.open("wb") as file:
            file.writelines(self.head + rows + self.tail)
        os.replace(beside, self.path)

    def change(self, source, share, runs, grow=0.0):
        """Corrects a share of the rows in as many runs, then adds a share of new ones at the end."""
        rows = self.read()
        each = max(int(len(rows) * share / runs), 1)
        for _ in range(runs):
            at = source.randrange(len(rows) - each)
            for number in range(at, at + each):
                rows[number] = rows[number].removesuffix(self.ending) + CORRECTED + self.ending
        rows += [self.row(len(rows) + number, source) for number in range(int(len(rows) * grow))]
        self.write(rows)


def sql_dump(path):
    head = [
        b"--\n-- PostgreSQL database dump\n--\n",
        b"CREATE TABLE public.visits (id bigint, patient bigint, day date, note text);\n",
        b"COPY public.visits (id, patient, day, note) FROM stdin;\n",
    ]
    head = b"".join(head).splitlines(keepends=True)
    return Rows(path, sql_row, head, [b"\\.\n", b"--\n"], b"\n")


def json_file(path):
    return Rows(path, json_row, [b"{\n", b'"visits": [\n'], [b"null\n", b"],\n", b'"sessions": {}\n', b"}\n"], b'"},\n')
