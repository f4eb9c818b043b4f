"""kaniko: its executor in a root of its own, which it fills and may destroy."""

import os
import shutil
import stat
import subprocess

from .contender import Contender, remove


class Kaniko(Contender):
    """It keeps nothing between runs, so a warm machine is a fresh one. What it knows is in the registry."""

    name = "kaniko"
    tools = ("executor",)
    source = "go build ./cmd/executor in github.com/chainguard-dev/kaniko"
    needs_root = True
    # It would do there what it did for the cold push.
    except_rows = frozenset({"big, warm", "big, edited, warm"})

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.root = self.folder / "root"
        self.recipe = self.dockerfile()
        self.mounted = []

    def ready(self):
        """A container as an orchestrator would have made it: its program, the context, the kernel's file systems."""
        for name in ("proc", "dev", "tmp", "etc", "workspace", "recipe", "kaniko"):
            (self.root / name).mkdir(parents=True)
        shutil.copy(shutil.which("executor"), self.root / "kaniko" / "executor")
        self._mount("proc", "-t", "proc", "proc")
        # Devices of its own, and nothing of ours that can be written: it deletes what it takes for a stage's files.
        self._mount("dev", "-t", "tmpfs", "tmpfs")
        for name, number in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            os.mknod(self.root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, number))
        for name, source in (("workspace", self.workload.context), ("recipe", self.recipe.parent)):
            self._mount(name, "--bind", str(source))
            subprocess.run(["mount", "-o", "remount,bind,ro", str(self.root / name)], check=True)
        for name in ("hosts", "resolv.conf", "nsswitch.conf"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.root / "etc" / name)

    def environment(self):
        return {"PATH": "/kaniko:" + os.environ["PATH"], "HOME": "/kaniko", "SSL_CERT_DIR": "/kaniko", "LC_ALL": "C"}

    def push(self):
        cache = ["--cache=true", "--cache-copy-layers", f"--cache-repo={self.cache}"]
        reach = ["--insecure", "--insecure-pull", "--skip-tls-verify"]
        work = ["--context=dir:///workspace", "--dockerfile=/recipe/Dockerfile", f"--destination={self.reference}"]
        return [["chroot", str(self.root), "/kaniko/executor", "--force", *work, *cache, *reach]]

    def discard(self):
        self._clear()

    def close(self):
        self._clear()
        super().close()

    def _mount(self, name, *what):
        subprocess.run(["mount", *what, str(self.root / name)], check=True)
        self.mounted.append(self.root / name)

    def _clear(self):
        for place in reversed(self.mounted):
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        # Never into what is still mounted: a context would be lost.
        with open("/proc/self/mountinfo") as mounts:
            held = [line for line in mounts if f" {self.root}/" in line]
        if held:
            raise OSError(f"still mounted: {held[0]}")
        self.mounted = []
        remove(self.root)
