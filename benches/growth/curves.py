"""The curves: what grows, and what is done at each point of it.

A curve makes its material for one point after the other, smallest first, and has a story for each: runs of the
program one after the other, each of them a series of the curve."""

import io
import os
import tarfile
from pathlib import Path

from stand.pools import CODE, NOISE, TEXT, Pools
from stand.relay import Relay

from workshop import Workshop, spec

PACKAGE = 20  # files of a small layer


class Curve:
    """`name`; `grows` with its unit; `points` by default; `scale`: whether both axes are logarithmic; `patience`: until
    it has taken so many seconds, a story is told again."""

    name = grows = ""
    points = ()
    scale = "log"
    patience = 4

    def __init__(self, folder, tarsia):
        self.folder, self.tarsia = Path(folder), tarsia
        self.folder.mkdir(parents=True)
        self.pools = Pools(7, megabytes=2)
        self.edits = 0

    def grow(self, point):
        """Makes the material for this point out of the last one's."""

    def needs(self, point):
        """Bytes of memory that the material and what is made of it will take."""
        return 0

    def story(self, point):
        """Runs the program; yields (series, what it took)."""
        raise NotImplementedError

    def workshop(self):
        return Workshop(self.folder / "workshop", self.tarsia)

    def edit(self, path):
        """Changes a file's content and size."""
        self.edits += 1
        with open(path, "ab") as file:
            file.write(b"# edited" + b"!" * (self.edits % 7) + b"\n")

    def package(self, folder):
        """A small layer's context."""
        folder.mkdir(parents=True)
        for number in range(PACKAGE):
            (folder / f"module_{number:02}.py").write_bytes(self.pools.piece(TEXT, 500 + 97 * number))
        return folder


class Files(Curve):
    """One layer of tiny files."""

    name, grows = "files", "files"
    points = (1_000, 10_000, 100_000, 1_000_000)
    made = 0

    def needs(self, point):
        return point * 6_000

    def grow(self, point):
        text = self.pools.piece(TEXT, 200)
        for number in range(self.made, point):
            folder = f"{self.folder}/context/p{number // 10_000:03}/m{number // 100 % 100:02}"
            if number % 100 == 0:
                os.makedirs(folder)
            handle = os.open(f"{folder}/f{number:07}.py", os.O_WRONLY | os.O_CREAT, 0o644)
            os.write(handle, b"%07d" % number + text[: 50 + number % 150])
            os.close(handle)
        self.made = point

    def story(self, point):
        path = spec(self.folder / "app.toml", "app", {"app": self.folder / "context"})
        with self.workshop() as workshop:
            yield "scan and key, nothing known", workshop.plan(path)
            yield "assembly", workshop.build(path)
            yield "scan and key, all known", workshop.plan(path)
            yield "unchanged", workshop.build(path)
            self.edit(self.folder / "context/p000/m05/f0000500.py")
            yield "one file edited", workshop.build(path)


class Bytes(Curve):
    """One layer of files of 2 MB that compress well: ten gigabytes and what is made of them are to fit into memory."""

    name, grows = "bytes", "MB"
    points = (10, 100, 1_000, 10_000)
    made = 0

    def needs(self, point):
        return int(point * 1.25e6)

    def grow(self, point):
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        lines = [b" ".join([b"2024-01-01T00:00:%02d" % second, self.pools.piece(TEXT, 24)]) for second in range(60)]
        for number in range(self.made, point // 2):
            line = iter(range(number, 10**9))
            part = b"".join(b"%d " % next(line) + lines[(number * 7 + place * place) % 60] for place in range(2_000))
            (context / f"log_{number:05}").write_bytes((part * (2_000_000 // len(part) + 1))[:2_000_000])
        self.made = point // 2

    def story(self, point):
        path = spec(self.folder / "app.toml", "app", {"app": self.folder / "context"})
        with self.workshop() as workshop:
            yield "cold", workshop.build(path)
            yield "unchanged", workshop.build(path)
            self.edit(self.folder / "context/log_00001")
            yield "one file edited", workshop.build(path)


class Layers(Curve):
    """One image of small layers, pushed."""

    name, grows = "layers", "layers"
    points = (1, 10, 40, 120)
    made = 0

    def grow(self, point):
        for number in range(self.made, point):
            self.package(self.folder / f"l{number:03}")
        self.made = point

    def story(self, point):
        layers = {f"l{number:03}": self.folder / f"l{number:03}" for number in range(point)}
        path = spec(self.folder / "app.toml", "app", layers)
        yield from pushes(self, path, self.folder / "l000/module_00.py")


class Images(Curve):
    """A folder of specs, each of one layer of its own and one that all have, pushed."""

    name, grows = "images", "images"
    points = (1, 10, 30, 100)
    made = 0

    def grow(self, point):
        if not self.made:
            self.package(self.folder / "shared")
        for number in range(self.made, point):
            own = self.package(self.folder / f"i{number:03}")
            name = f"image_{number:03}"
            spec(self.folder / "specs" / f"{name}.toml", name, {"shared": self.folder / "shared", "own": own})
        self.made = point

    def story(self, point):
        yield from pushes(self, self.folder / "specs", self.folder / "i000/module_00.py")


def pushes(curve, specs, edited):
    """To an empty registry, again, from a machine that knows nothing, and with one file edited."""
    with curve.workshop() as workshop:
        yield "cold push", workshop.push(specs)
        yield "unchanged", workshop.push(specs)
        curve.edit(edited)
        yield "one file edited", workshop.push(specs)
        workshop.forget()
        yield "unchanged, fresh machine", workshop.push(specs)


class Cores(Curve):
    """One layer of 200 MB: sources, code, noise."""

    name, grows = "cores", "cores"

    @property
    def points(self):
        cores = len(os.sched_getaffinity(0))
        return tuple(count for count in (1, 2, 4, 8, 16) if count <= cores)

    def grow(self, point):
        if (self.folder / "context").exists():
            return
        for number in range(400):
            folder = self.folder / f"context/p{number // 20:02}"
            folder.mkdir(parents=True, exist_ok=True)
            kind = (TEXT, CODE, NOISE)[number % 3]
            (folder / f"f{number:03}").write_bytes(self.pools.piece(kind, 20_000 + 4_800 * (number % 201)))

    def story(self, point):
        cores = sorted(os.sched_getaffinity(0))[:point]
        for compression in ("gzip", "zstd"):
            path = spec(self.folder / "app.toml", "app", {"app": self.folder / "context"}, compression=compression)
            with self.workshop() as workshop:
                workshop.before = ["taskset", "--cpu-list", ",".join(map(str, cores))]
                yield f"cold, {compression}", workshop.build(path)


class RoundTrip(Curve):
    """A small package over a base, pushed to a registry that is so far away."""

    name, grows = "round trip", "ms"
    points = (0, 10, 25, 50, 100)
    scale = "linear"
    patience = 30

    def grow(self, point):
        if not (self.folder / "package").exists():
            self.package(self.folder / "package")
            with tarfile.open(self.folder / "base.tar", "w") as archive:
                for number in range(100):
                    entry = tarfile.TarInfo(f"f{number}")
                    entry.size = 10_000
                    archive.addfile(entry, io.BytesIO(self.pools.piece(TEXT, entry.size)))

    def story(self, point):
        with self.workshop() as workshop:
            workshop.registry.put_image("base:1", self.folder / "base.tar")
            relay = Relay(workshop.registry.port, point / 2000)
            try:
                workshop.host = f"127.0.0.1:{relay.port}"
                layers = {"package": self.folder / "package"}
                path = spec(self.folder / "app.toml", "app", layers, base=f"{workshop.host}/base:1")
                yield "cold push", workshop.push(path)
                yield "unchanged", workshop.push(path)
                self.edit(self.folder / "package/module_00.py")
                yield "one file edited", workshop.push(path)
                workshop.forget()
                yield "unchanged, fresh machine", workshop.push(path)
                workshop.forget()
                self.edit(self.folder / "package/module_00.py")
                yield "one file edited, fresh machine", workshop.push(path)
            finally:
                relay.close()


ALL = {curve.name: curve for curve in (Files, Bytes, Layers, Images, Cores, RoundTrip)}
