"""borg: without encryption, which we do not have yet either, and compressed as we compress. Syncs its repository."""

from timing import output, timed

from .tool import FIRST, Tool


class Borg(Tool):
    name = program = "borg"

    def __init__(self, data, work, programs):
        super().__init__(data, work, programs)
        self.environment["BORG_BASE_DIR"] = str(work / "home")
        self.environment["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"] = "yes"

    @classmethod
    def version(cls, _programs):
        return output(["borg", "--version"]).strip()

    def prepare(self):
        self.run("init", "--encryption", "none", self.repository)

    def back_up(self, name=FIRST):
        return self.run("create", "--compression", "zstd,3", self.archive(name), "data.json", "studies", cwd=self.data)

    def verify(self):
        return self.run("check", "--verify-data", self.repository)

    def restore(self, to, name=FIRST):
        to.mkdir()
        return self.run("extract", self.archive(name), cwd=to)

    def one_file(self, member, to):
        to.mkdir()
        return self.run("extract", self.archive(FIRST), member, cwd=to)

    def archive(self, name):
        return f"{self.repository}::{name}"

    def run(self, *args, **options):
        return timed(["borg", *args], env=self.environment, **options)
