"""The base of every image: a Debian of about 70 MB, or as many bytes from a seed where none can be made."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from .material import MIXED
from .pools import Pools

MADE = "debian-bookworm-python.tar"


def tarball(target, said=None):
    """The file with the base's file system: `said`, or what the tests have made in `target` (cargo's folder), or a new
    Debian by `mmdebstrap`, or a synthetic one. Kept in `target`."""
    if said:
        return Path(said)
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    for name in (MADE, "bench-base.tar"):
        if (target / name).exists():
            return target / name
    made = target / "bench-base.tar"
    new = made.with_suffix(".new.tar")
    if shutil.which("mmdebstrap"):
        flags = ["--quiet", "--variant=essential", "--include=python3", "--dpkgopt=path-exclude=/usr/share/locale/*"]
        subprocess.run(["mmdebstrap", *flags, "bookworm", str(new)], check=True, stdin=subprocess.DEVNULL)
    else:
        _synthetic(new)
    new.rename(made)
    return made


def _synthetic(path, seed=5, size=72_000_000, files=3_000):
    pools = Pools(seed)
    kinds = list(MIXED)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("etc", "opt", "tmp", "usr", "usr/lib"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for number in range(files):
            entry = tarfile.TarInfo(f"usr/lib/f{number}")
            entry.size, entry.mode = size // files, 0o644
            archive.addfile(entry, io.BytesIO(pools.piece(kinds[number % 3], entry.size)))
