"""The workloads: trees of files made from a seed, the same everywhere, below a folder that had best be a tmpfs."""

import random
from pathlib import Path

from .pools import CODE, NOISE, TEXT, Pools

# Where the files lie in a context is where they lie in the image: no tool has to rename anything.
INSIDE = "opt/app"

# Bytes of a mixed tree: sources, shared objects, and what is compressed already. Level 1 of gzip takes it to about 0.75
# of its size, level 6 to about 0.66.
MIXED = {TEXT: 0.19, CODE: 0.28, NOISE: 0.53}
ENDINGS = {TEXT: ".py", CODE: ".so", NOISE: ".whl"}


class Workload:
    """A context, the folders of it that become layers, and one file that is edited."""

    def __init__(self, name, context, layers, edited, taken=None):
        self.name, self.context, self.layers = name, Path(context), layers
        self.edited = edited
        self.original = self.edited.read_bytes() if edited else b""
        self.version = 0
        # Of a context with an ignore file: how many files are taken.
        self.taken = taken

    def edit(self, version):
        """Makes the file what it is in this version; 0 is the original. Sizes and contents of any two differ."""
        if self.edited and version != self.version:
            line = f"\n# version {version}{'!' * (version % 7)}\n" if version else ""
            self.edited.write_bytes(self.original + line.encode())
            self.version = version

    def files(self):
        """Every file that becomes part of the image, by its path there."""
        return sorted(
            str(path.relative_to(self.context))
            for layer in self.layers
            for path in (self.context / layer).rglob("*")
            if path.is_file()
        )

    def warm(self):
        """Reads all, so that nobody has to wait for a disk."""
        for layer in self.layers:
            for path in (self.context / layer).rglob("*"):
                if path.is_file():
                    path.read_bytes()


def package(folder, seed=1):
    """A Python package of 171 KB in 40 files."""
    pools = Pools(seed, megabytes=1)
    root = Path(folder) / INSIDE
    _fill(root, pools, 171_000, 40, {TEXT: 1.0}, 8)
    return Workload("package", folder, [INSIDE], _middle(root))


def layers(folder, seed=2, count=8, size=391_000_000, files=6_000):
    """Layers of together 391 MB."""
    pools = Pools(seed)
    names = [f"{INSIDE}/part{number}" for number in range(1, count + 1)]
    for name in names:
        _fill(Path(folder) / name, pools, size // count, max(files // count, 1), MIXED)
    return Workload("layers", folder, names, _middle(Path(folder) / names[count // 2]))


def big(folder, seed=3, size=1_060_000_000, files=20_000):
    """One layer of 20,000 files and 1.06 GB."""
    root = Path(folder) / INSIDE
    _fill(root, Pools(seed), size, files, MIXED)
    return Workload("big", folder, [INSIDE], _middle(root))


def repository(folder, seed=4, size=2_900_000_000, files=60_000):
    """A repository of 60,000 files and 2.9 GB, of which a wildcard takes 1,500 back in. What is ignored has its size
    but holds nothing: whoever reads it gains nothing by that, and it fits into memory."""
    seeded, pools, root = random.Random(seed), Pools(seed, megabytes=1), Path(folder)
    root.mkdir(parents=True)
    (root / ".dockerignore").write_text("*\n!**/*.pyi\n!assets/icons\n!services/api\n**/tests\n")
    tops = ["services", "packages", "assets", "node_modules", "data"]
    sizes = _sizes(seeded, files, size)
    folders, taken, made = [], 0, 0
    while made < files:
        parts = [seeded.choice(tops)] + [f"d{seeded.randrange(40)}" for _ in range(seeded.randint(1, 5))]
        place = root.joinpath(*parts)
        place.mkdir(parents=True, exist_ok=True)
        folders.append(place)
        for _ in range(min(seeded.randint(4, 24), files - made)):
            if made % 40 == 0:
                (place / f"f{made}.pyi").write_bytes(pools.piece(TEXT, seeded.randint(500, 6_000)))
                taken += 1
            else:
                with open(place / f"f{made}{seeded.choice(['.js', '.ts', '.json', '.bin'])}", "wb") as file:
                    file.truncate(sizes[made])
            made += 1
    return Workload("repository", folder, ["."], None, taken)


def _fill(root, pools, total, files, mix, to_a_folder=12):
    """Files below `root`, each of one kind, of together `total` bytes."""
    kinds = []
    sizes = sorted(_sizes(pools.random, files, total))
    # Kinds are dealt by bytes: the next file is of the kind that is furthest behind.
    behind = {kind: 0.0 for kind in mix}
    for size in reversed(sizes):
        kind = min(mix, key=lambda kind: behind[kind] / mix[kind])
        behind[kind] += size
        kinds.append((kind, size))
    pools.random.shuffle(kinds)
    for number, (kind, size) in enumerate(kinds):
        folder = number // to_a_folder
        place = root / f"p{folder % 31}" / f"m{folder}" if files > to_a_folder * 8 else root / f"m{folder}"
        if number % to_a_folder == 0:
            place.mkdir(parents=True)
        (place / f"f{number}{ENDINGS[kind]}").write_bytes(pools.piece(kind, size))


def _sizes(seeded, files, total):
    """Sizes as trees have them: most files small, a few large."""
    shares = [min(seeded.lognormvariate(0, 1.6), 120) for _ in range(files)]
    scale = total / sum(shares)
    sizes = [max(int(share * scale), 16) for share in shares]
    sizes[sizes.index(max(sizes))] += total - sum(sizes)
    return sizes


def _middle(root):
    """A source of middling size."""
    sources = sorted(root.rglob("*.py"), key=lambda path: (path.stat().st_size, path))
    return sources[len(sources) // 2]
