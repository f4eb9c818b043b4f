"""tarsia, gzip and zstd."""

import json

from stand.registry import architecture

from .contender import CMD, Contender, remove


class Tarsia(Contender):
    name = "tarsia"
    tools = ("tarsia",)
    source = "`cargo build --release`, and target/release on PATH (or --tarsia FILE)"
    verbs = frozenset({"push", "assemble", "context"})
    compression = "gzip"
    counts = False
    # How the spec says it, if parents are not to be looked up in the base.
    base_tree = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.spec = self.folder / "app.toml"
        base = "scratch" if self.workload.taken else f"{self.host}/base:1"
        lines = [
            'name = "app"',
            f'base = "{base}"',
            f'platforms = ["linux/{architecture()}"]',
        ]
        if self.base_tree:
            lines.append(f'base_tree = "{self.base_tree}"')
        for layer in self.workload.layers:
            target = "/opt/app/" if layer == "." else f"/{layer}/"
            lines += [
                "[[layer]]",
                f'name = "{"app" if layer == "." else layer.rpartition("/")[2]}"',
                f"context = {json.dumps(str(self.workload.context / layer))}",
                f'to = "{target}"',
                f'compression = "{self.compression}"',
            ]
        self.spec.write_text("\n".join([*lines, "[config]", f"cmd = {json.dumps(CMD)}"]) + "\n")
        self.output = self.folder / "out"

    def environment(self):
        return {**super().environment(), "TARSIA_CACHE_DIR": str(self.folder / "store")}

    def discard(self):
        remove(self.output)

    def push(self):
        repository, _, tag = self.reference.rpartition(":")
        return [["tarsia", "push", str(self.spec), "--to", repository, "--tag", tag, "--progress", "none"]]

    def assemble(self):
        return [["tarsia", "build", str(self.spec), "--output", f"oci:{self.output}", "--progress", "none"]]

    context = assemble

    def forget(self):
        remove(self.folder / "store")


class TarsiaZstd(Tarsia):
    name = "tarsia zstd"
    compression = "zstd"
    zstd = True


class TarsiaAssumed(Tarsia):
    """What crane and `COPY --link` do: the base's directories are not looked at."""

    name = "tarsia, base assumed"
    base_tree = "assume"
    only_rows = frozenset({"package, cold"})
