"""rustic: restic's repository, written by another program. Syncs its files, not their folders."""

import os
import subprocess

from timing import output, timed

from .tool import FIRST, Tool

VERSION = "0.11.4"


def build(folder):
    """Has cargo build it into `folder`, unless it is there, and lets it be found; that takes some ten minutes."""
    if not (folder / "bin/rustic").exists():
        crate = ["rustic-rs", "--version", VERSION, "--locked", "--no-default-features"]
        subprocess.run(["cargo", "install", "--root", folder, *crate], check=True)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"


class Rustic(Tool):
    name = program = "rustic"

    def __init__(self, data, work, programs):
        super().__init__(data, work, programs)
        self.environment |= {
            "RUSTIC_REPOSITORY": str(self.repository),
            "RUSTIC_PASSWORD": "compare",
            "RUSTIC_CACHE_DIR": str(work / "cache"),
            "RUSTIC_NO_PROGRESS": "true",
        }

    @classmethod
    def version(cls, _programs):
        return output(["rustic", "--version"]).strip()

    def prepare(self):
        self.run("init")

    def back_up(self, name=FIRST):
        return self.run("backup", "--tag", name, "data.json", "studies", cwd=self.data)

    def verify(self):
        return self.run("check", "--read-data")

    def restore(self, to, name=FIRST):
        return self.run("restore", "latest", to, "--filter-tags", name)

    def run(self, *args, **options):
        return timed(["rustic", *args], env=self.environment, **options)
