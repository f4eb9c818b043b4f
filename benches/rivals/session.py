"""One tool, one work, one registry that holds the base and nothing else: the rows of a round are measured in it."""

import hashlib
import io
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

from stand import measure
from stand.registry import BASE, Registry
from stand.relay import Relay


class Unequal(Exception):
    """What was pushed is not what was asked for."""


class Session:
    """Measures rows, in their order. With `counting`, all goes through a relay, which counts bytes: such a run tells
    nothing about time, and what was pushed is looked at closely."""

    def __init__(self, kind, workload, folder, prepared, counting):
        self.folder = Path(folder)
        self.registry = Registry(self.folder / "registry", prepared)
        self.workload, self.counting = workload, counting
        self.relay = self.last = self.contender = None
        try:
            self.relay = Relay(self.registry.port) if counting else None
            self.host = f"127.0.0.1:{self.relay.port}" if counting else self.registry.host
            _, base = self.registry.manifest(BASE)
            self.base = {layer["digest"] for layer in base["layers"]}
            self.contender = kind(self.folder / "state", self.host, workload)
        except BaseException:
            self.close()
            raise

    def measure(self, row):
        """What the row takes, as a dict."""
        self.workload.edit(row.version)
        if row.fresh:
            self.contender.forget()
        self.contender.ready()
        requests, cpu = self.registry.requests(), self.registry.cpu()
        if self.relay:
            self.relay.reset()
        log = self.folder / "output.log"
        log.write_bytes(b"")
        commands = getattr(self.contender, row.verb)()
        try:
            took = measure.run(commands, self.contender.environment(), log, self.contender.daemons())
        finally:
            self.contender.discard()
        took["requests"] = self.registry.requests() - requests
        took["registry_cpu"] = self.registry.cpu() - cpu
        if self.relay:
            took["up"], took["down"] = self.relay.up, self.relay.down
        if row.verb == "push":
            took.update(self._pushed(row))
        return took

    def _pushed(self, row):
        reference = self.contender.reference.partition("/")[2]
        found = self.registry.manifest(reference)
        if not found:
            raise Unequal(f"{row.name}: nothing was pushed")
        digest, manifest = found
        layers = [layer for layer in manifest["layers"] if layer["digest"] not in self.base]
        if len(manifest["layers"]) - len(layers) != len(self.base):
            raise Unequal(f"{row.name}: the base's layers are not there")
        version, before = self.last or (None, None)
        if version is not None and version != row.version and digest == before:
            raise Unequal(f"{row.name}: a file was edited, and the image is the same")
        self.last = row.version, digest
        if self.counting:
            self._look(row, reference, layers)
        return {"digest": digest, "layer": sum(layer["size"] for layer in layers)}

    def _look(self, row, reference, layers):
        if shutil.which("skopeo"):
            image = f"docker://{self.registry.host}/{reference}"
            asked = ["skopeo", "inspect", "--tls-verify=false", "--no-creds", image]
            subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
        if sum(layer["size"] for layer in layers) < 4_000_000 and not row.name.startswith("repository"):
            repository = reference.partition(":")[0]
            held = {}
            for layer in layers:
                plain = zlib.decompress(self.registry.blob(repository, layer["digest"]), 31)
                with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
                    for entry in archive:
                        if entry.isfile():
                            held[entry.name.lstrip("./")] = hashlib.sha256(archive.extractfile(entry).read()).digest()
            context = self.workload.context
            wanted = {name: hashlib.sha256((context / name).read_bytes()).digest() for name in self.workload.files()}
            if held != wanted:
                raise Unequal(f"{row.name}: the image holds other files than the context")

    def close(self):
        """Ends all that it started and removes all that it kept."""
        if self.contender:
            self.contender.close()
        if self.relay:
            self.relay.close()
        self.registry.close()
        shutil.rmtree(self.folder)
