"""BuildKit: `buildctl` with a `buildkitd` of its own, and the registry as its cache."""

import subprocess
import time

from .contender import Contender, remove


class Buildkit(Contender):
    """At its best: `COPY --link`, so that the base is not needed, and no WORKDIR."""

    name = "buildkit"
    tools = ("buildctl", "buildkitd", "runc")
    source = "go build ./cmd/buildctl ./cmd/buildkitd in github.com/moby/buildkit; Debian's `runc`"
    needs_root = True
    verbs = frozenset({"push", "assemble", "context"})
    # It packs the whole layer again, which the push before has shown.
    except_rows = frozenset({"big, edited, assembly"})
    flags = "--link "
    compression = ""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.recipe = self.dockerfile(self.flags)
        self.root = self.folder / "root"
        self.address = f"unix://{self.folder}/buildkitd.sock"
        self.output = self.folder / "out"
        self.daemon = None
        self._start()

    def discard(self):
        remove(self.output)

    def push(self):
        also = f",compression={self.compression}" if self.compression else ""
        return [
            self._build(
                f"--output=type=image,name={self.reference},push=true,oci-mediatypes=true{also}",
                f"--export-cache=type=registry,ref={self.cache}:x,mode=max{also}",
                f"--import-cache=type=registry,ref={self.cache}:x",
            )
        ]

    def assemble(self):
        return [self._build(f"--output=type=oci,tar=false,dest={self.output}")]

    def context(self):
        return [self._build()]

    def _build(self, *flags):
        folders = [f"--local=context={self.workload.context}", f"--local=dockerfile={self.recipe.parent}"]
        frontend = ["build", "--frontend=dockerfile.v0", "--progress=plain"]
        return ["buildctl", f"--addr={self.address}", *frontend, *folders, *flags]

    def daemons(self):
        return [self.daemon.pid]

    def forget(self):
        self._stop()
        remove(self.root)
        self._start()

    def close(self):
        self._stop()
        super().close()

    def _start(self):
        config = self.folder / "buildkitd.toml"
        config.write_text("[worker.oci]\n  gc = false\n")
        flags = ["--containerd-worker=false", "--oci-worker-snapshotter=overlayfs", "--oci-worker-net=host"]
        with open(self.folder / "buildkitd.log", "ab") as log:
            self.daemon = subprocess.Popen(
                ["buildkitd", f"--addr={self.address}", f"--root={self.root}", f"--config={config}", *flags],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        for _ in range(200):
            asked = subprocess.run(
                ["buildctl", f"--addr={self.address}", "debug", "workers"],
                env=self.environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if asked.returncode == 0:
                return
            if self.daemon.poll() is not None:
                break
            time.sleep(0.05)
        raise OSError("buildkitd does not start:\n" + (self.folder / "buildkitd.log").read_text()[-1000:])

    def _stop(self):
        self.daemon.terminate()
        self.daemon.wait()


class BuildkitPlain(Buildkit):
    name = "buildkit, plain COPY"
    verbs = frozenset({"push"})
    flags = ""


class BuildkitZstd(Buildkit):
    name = "buildkit zstd"
    verbs = frozenset({"push"})
    compression = "zstd"
    zstd = True
