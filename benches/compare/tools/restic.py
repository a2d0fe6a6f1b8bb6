"""restic: encrypts, always; compresses since repository version 2, its default. Makes its repository durable."""

import shlex

from timing import output, piped, timed

from .tool import FIRST, Tool


class Restic(Tool):
    name = program = "restic"

    def __init__(self, data, work, programs):
        super().__init__(data, work, programs)
        self.environment |= {
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD": "compare",
            "RESTIC_CACHE_DIR": str(work / "cache"),
        }

    @classmethod
    def version(cls, _programs):
        return " ".join(output(["restic", "version"]).split()[:2])

    def prepare(self):
        self.run("init")

    def back_up(self, name=FIRST):
        return self.run("backup", "--tag", name, "data.json", "studies", cwd=self.data)

    def verify(self):
        return self.run("check", "--read-data")

    def restore(self, to, name=FIRST):
        return self.run("restore", "latest", "--tag", name, "--target", to)

    def one_file(self, member, to):
        to.mkdir()
        script = f"restic dump latest {shlex.quote('/' + member)} > {shlex.quote(str(to / 'one'))}"
        return piped(script, env=self.environment)

    def fetched(self, _member, to):
        return (to / "one").read_bytes()

    def run(self, *args, **options):
        return timed(["restic", *args], env=self.environment, **options)
