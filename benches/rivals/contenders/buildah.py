"""buildah, with its layers cached here and in the registry."""

import subprocess

from .contender import Contender, remove


class Buildah(Contender):
    name = "buildah"
    tools = ("buildah",)
    source = "Debian's `buildah`"
    needs_root = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.recipe = self.dockerfile()
        self.root, self.running = self.folder / "root", self.folder / "run"

    def push(self):
        cache = ["--layers", f"--cache-to={self.cache}", f"--cache-from={self.cache}"]
        build = ["build", "--isolation=chroot", "--tls-verify=false", *cache, f"--tag={self.reference}"]
        return [
            self._buildah(*build, f"--file={self.recipe}", str(self.workload.context)),
            self._buildah("push", "--tls-verify=false", self.reference),
        ]

    def _buildah(self, *words):
        return ["buildah", f"--root={self.root}", f"--runroot={self.running}", "--storage-driver=overlay", *words]

    def forget(self):
        # The overlay driver mounts its folder on itself.
        for folder in (self.root / "overlay", self.root):
            subprocess.run(["umount", "--lazy", str(folder)], stderr=subprocess.DEVNULL, check=False)
        remove(self.root)
        remove(self.running)

    def close(self):
        self.forget()
        super().close()
