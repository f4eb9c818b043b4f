"""A real `docker-registry` on the loopback with its storage in a folder, its requests counted from its access log."""

import gzip
import hashlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import measure

BASE = "base:1"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
ACCEPTED = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)


class Registry:
    """A registry that runs. Close it, or use it in a `with`."""

    def __init__(self, folder, prepared=None):
        """Keeps storage and log in `folder`, which begins as a copy of the storage `prepared`."""
        self.folder = Path(folder)
        self.storage, self.log = self.folder / "storage", self.folder / "access.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        if prepared:
            shutil.copytree(prepared, self.storage)
        else:
            self.storage.mkdir(exist_ok=True)
        self.port = _free_port()
        config = self.folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: false\n"
            f"storage:\n  cache:\n    blobdescriptor: inmemory\n  filesystem:\n    rootdirectory: {self.storage}\n"
            f"http:\n  addr: 127.0.0.1:{self.port}\n"
        )
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        self.close()
        raise OSError("docker-registry does not start: " + self.log.read_text(errors="replace")[-500:])

    @property
    def host(self):
        """What stands before the first slash of a reference."""
        return f"127.0.0.1:{self.port}"

    def requests(self):
        """How many requests were answered since the start."""
        # A line is written after the answer has been sent.
        time.sleep(0.03)
        return self.log.read_bytes().count(b" HTTP/1.")

    def cpu(self):
        """Seconds of CPU since the start."""
        return measure.cpu_of(self.process.pid)

    def manifest(self, reference):
        """Digest and document of `repository:tag`; None if there is none."""
        repository, _, tag = reference.partition(":")
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        request = urllib.request.Request(url, headers={"Accept": ACCEPTED})
        try:
            with urllib.request.urlopen(request) as answer:
                data = answer.read()
        except urllib.error.HTTPError:
            return None
        return _digest(data), json.loads(data)

    def blob(self, repository, digest):
        """A blob's bytes."""
        with urllib.request.urlopen(f"http://{self.host}/v2/{repository}/blobs/{digest}") as answer:
            return answer.read()

    def put_blob(self, repository, data):
        """Sends a blob and gives its digest."""
        with self._send("POST", f"http://{self.host}/v2/{repository}/blobs/uploads/") as answer:
            place = answer.headers["Location"]
        digest = _digest(data)
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        self._send("PUT", url, data, "application/octet-stream").close()
        return digest

    def put_image(self, reference, tarball):
        """Sends an image of one layer, compressed as usual."""
        repository, _, tag = reference.partition(":")
        plain = Path(tarball).read_bytes()
        layer = gzip.compress(plain, 6, mtime=0)
        config = {
            "architecture": architecture(),
            "os": "linux",
            "config": {"Env": [f"PATH={PATH}"], "Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "base"}],
        }
        kind = "application/vnd.oci.image."
        document = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind + "manifest.v1+json",
            "config": _descriptor(kind + "config.v1+json", document),
            "layers": [_descriptor(kind + "layer.v1.tar+gzip", layer)],
        }
        for data in (layer, document):
            self.put_blob(repository, data)
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        self._send("PUT", url, json.dumps(manifest).encode(), manifest["mediaType"]).close()

    def close(self):
        """Ends the process; the storage stays."""
        self.process.terminate()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _send(method, url, data=b"", kind=None):
        headers = {"Content-Type": kind} if kind else {}
        return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers))


def prepare(folder, tarball):
    """A storage that holds the base as `base:1` and nothing else, to be copied for every registry that begins anew."""
    with Registry(folder) as registry:
        registry.put_image(BASE, tarball)
    return registry.storage


def architecture():
    """This machine's, as images name it."""
    machine = subprocess.run(["uname", "-m"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    return ARCHITECTURES.get(machine, machine)


def _descriptor(kind, data):
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


def _digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
