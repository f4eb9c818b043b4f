"""What every tool can be asked."""

import os
import shutil
from pathlib import Path

# What every image runs; the tools that have a Dockerfile say it there.
CMD = ["/bin/sh", "-c", "ls /opt/app"]


class Contender:
    """A tool with a state of its own in a folder of its own, which pushes one workload to one registry.

    Commands are lists of arguments, run one after the other; what they take is what is measured. All else (writing
    specs, starting daemons, making a root to work in) happens before."""

    name = ""
    # Programs that must be on PATH, and where they come from.
    tools = ()
    source = ""
    needs_root = False
    # The verbs of rows that it can do at all, and rows that it is not asked for.
    verbs = frozenset({"push"})
    except_rows = frozenset()
    only_rows = None
    # Whether it writes zstd: such rows are for those that do, and no others are.
    zstd = False
    # Whether it is one of those that bounds are set against.
    counts = True

    def __init__(self, folder, host, workload):
        self.folder, self.host, self.workload = Path(folder), host, workload
        self.folder.mkdir(parents=True)
        self.reference = f"{host}/app:x"
        self.cache = f"{host}/app/cache"
        self.home = self.folder / "home"
        for name in ("home", "tmp"):
            (self.folder / name).mkdir()

    @classmethod
    def absent(cls):
        """Why it cannot be asked here; None if it can."""
        missing = [tool for tool in cls.tools if not shutil.which(tool)]
        if missing:
            return f"{', '.join(missing)} not found on PATH: {cls.source}"
        if cls.needs_root and os.geteuid():
            return "needs root"
        return None

    @classmethod
    def does(cls, row):
        """Returns true if and only if it can do this row."""
        if cls.only_rows is not None and row.name not in cls.only_rows:
            return False
        return row.zstd == cls.zstd and row.verb in cls.verbs and row.name not in cls.except_rows

    def environment(self):
        """Of its commands: nobody's logins or settings."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.folder / "tmp"), "LC_ALL": "C"}

    def dockerfile(self, flags=""):
        """Writes a Dockerfile for the workload, in a folder of its own, and gives its path."""
        lines = ["FROM scratch" if self.workload.taken else f"FROM {self.host}/base:1"]
        for layer in self.workload.layers:
            source, target = ("./", "/opt/app/") if layer == "." else (f"{layer}/", f"/{layer}/")
            lines.append(f"COPY {flags}{source} {target}")
        lines.append("CMD [" + ", ".join(f'"{word}"' for word in CMD) + "]")
        file = self.folder / "recipe" / "Dockerfile"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
        return file

    def ready(self):
        """Before every measurement, not measured."""

    def discard(self):
        """After every measurement: removes what it has put out, other than into the registry."""

    def push(self):
        """Builds the image and pushes it as `reference`."""
        raise NotImplementedError

    def assemble(self):
        """Builds the image, compressed, and pushes nothing."""
        raise NotImplementedError

    def daemons(self):
        """Process ids of those that work for the commands."""
        return []

    def forget(self):
        """Becomes a machine that has never seen the work."""

    def close(self):
        """Ends what it started and leaves nothing."""
        remove(self.folder)


def remove(folder):
    """Removes a folder and all in it, if it is there."""
    if Path(folder).exists():
        shutil.rmtree(folder)
