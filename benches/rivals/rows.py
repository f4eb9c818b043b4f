"""The rows of the table: which work, in which state, and what is to be reached."""

from dataclasses import dataclass
from typing import Optional

from stand import material


@dataclass(frozen=True)
class Row:
    """One measurement of every tool. The rows of a work are steps of one story: each begins with what the one before it
    left, here and in the registry."""

    name: str
    label: str
    verb: str = "push"
    # Nothing is left on this machine from before, as on a new one.
    fresh: bool = False
    # The layer is compressed with zstd.
    zstd: bool = False
    # Which version of the edited file is there; 0 is the original.
    version: int = 0
    # tarsia must take no more than this share of the best of others, or of those named; of another row if named.
    share: Optional[float] = None
    best_of: Optional[tuple] = None
    of_row: Optional[str] = None
    # Which of tarsia's columns that is, if not the one that the row's compression tells.
    ours: Optional[str] = None
    # The layer must not be larger than that of this one.
    no_larger_than: Optional[str] = None
    # tarsia must make no more requests than this.
    requests: Optional[int] = None


@dataclass(frozen=True)
class Work:
    """A tree of files and the rows that it is for."""

    name: str
    make: object
    rows: tuple
    # All tools' states lie beside each other, and they take turns at each row. Where that takes too much memory, each
    # tool does all rows before it is the next one's turn.
    together: bool = True


PACKAGE = "171 KB package"
LAYERS = "8 layers, 391 MB"
BIG = "1.06 GB layer of 20,000 files"
REPOSITORY = "2.9 GB repository, 60,000 files, `!` with a wildcard"

WORKS = (
    Work(
        "package",
        material.package,
        (
            # crane does not look at the base's directories.
            Row(
                "package, cold",
                f"{PACKAGE}, cold push",
                share=1 / 2,
                best_of=("crane",),
                ours="tarsia, base assumed",
            ),
            Row("package, warm", f"{PACKAGE}, unchanged, warm", share=1 / 2, requests=4),
            Row("package, edited, warm", f"{PACKAGE}, one file edited, warm", version=1),
            Row(
                "package, fresh",
                f"{PACKAGE}, unchanged, fresh machine",
                fresh=True,
                version=1,
                share=1 / 2,
                requests=4,
            ),
            Row(
                "package, edited, fresh",
                f"{PACKAGE}, one file edited, fresh machine",
                fresh=True,
                version=2,
                share=1 / 2,
            ),
        ),
    ),
    Work(
        "layers",
        material.layers,
        (
            Row("layers, cold", f"{LAYERS}, cold push", share=1 / 2),
            Row("layers, edited, warm", f"{LAYERS}, one file edited, warm", version=1, share=1 / 3),
            Row("layers, fresh", f"{LAYERS}, unchanged, fresh machine", fresh=True, version=1, share=1 / 8),
        ),
    ),
    Work(
        "repository",
        material.repository,
        (
            Row("repository, first", f"{REPOSITORY}: context alone, first", verb="context"),
            Row("repository, again", f"{REPOSITORY}: context alone, again", verb="context", share=1 / 5),
        ),
    ),
    Work(
        "big",
        material.big,
        (
            Row("big, assembly", f"{BIG}, cold, assembly alone", verb="assemble"),
            Row(
                "big, cold",
                f"{BIG}, cold push",
                fresh=True,
                share=1 / 2,
                best_of=("crane",),
                no_larger_than="crane",
            ),
            Row("big, warm", f"{BIG}, unchanged, warm", share=1 / 5),
            Row("big, edited, warm", f"{BIG}, one file edited, warm", version=1, share=1 / 4),
            Row(
                "big, edited, assembly",
                f"{BIG}, one file edited, warm, assembly alone (against the pushes above)",
                verb="assemble",
                version=2,
                share=1 / 12,
                of_row="big, edited, warm",
            ),
            Row("big, fresh", f"{BIG}, unchanged, fresh machine", fresh=True, version=1, share=1 / 12),
            Row(
                "big, cold, zstd",
                f"{BIG}, cold push, zstd",
                fresh=True,
                zstd=True,
                share=1 / 3,
                best_of=("crane",),
                of_row="big, cold",
            ),
        ),
        together=False,
    ),
)

ROWS = {row.name: row for work in WORKS for row in work.rows}
