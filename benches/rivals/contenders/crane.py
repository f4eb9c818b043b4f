"""crane: `tar`, `append`, `mutate`. It keeps nothing, so a warm machine is a fresh one."""

from .contender import CMD, Contender, remove


class Crane(Contender):
    name = "crane"
    tools = ("crane", "tar")
    source = "go build ./cmd/crane in github.com/google/go-containerregistry"
    verbs = frozenset({"push", "assemble"})
    # What makes one folder the same archive on every machine.
    TAR = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar"]

    def ready(self):
        (self.folder / "tars").mkdir()

    def discard(self):
        remove(self.folder / "tars")

    def push(self):
        return [*self._tars(), self._append("--new_tag", self.reference), self._mutate()]

    def assemble(self):
        return [*self._tars(), self._append("--output", str(self.folder / "tars" / "image.tar"), "--new_tag", "app:x")]

    def _tar(self, layer):
        return str(self.folder / "tars" / f"{layer.rpartition('/')[2]}.tar")

    def _tars(self):
        context = str(self.workload.context)
        return [[*self.TAR, "-cf", self._tar(layer), "-C", context, layer] for layer in self.workload.layers]

    def _append(self, *flags):
        layers = [word for layer in self.workload.layers for word in ("--new_layer", self._tar(layer))]
        return ["crane", "append", "--base", f"{self.host}/base:1", *layers, *flags]

    def _mutate(self):
        return ["crane", "mutate", self.reference, "--cmd", ",".join(CMD), "--tag", self.reference]


class CraneStream(Crane):
    """With the archive in a pipe: compressed once, but sent whatever the registry has."""

    name = "crane, piped"
    verbs = frozenset({"push"})
    counts = False
    only_rows = frozenset({"package, cold", "big, cold", "big, edited, warm"})

    def push(self):
        tar = " ".join([*self.TAR, "-cf", "-", "-C", f"'{self.workload.context}'", self.workload.layers[0]])
        append = ["crane", "append", "--base", f"{self.host}/base:1", "--new_layer", "-", "--new_tag", self.reference]
        return [["sh", "-c", f"{tar} | {' '.join(append)}"], self._mutate()]
