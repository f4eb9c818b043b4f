"""Right-aligned columns: on a receipt, mostly prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .boxes import Box


@dataclass(frozen=True)
class Column:
    """Rectangles whose right edges line up.

    Attributes:
        right: the mean of the right edges.
        members: indexes of the rectangles, in the order they were given.
    """

    right: float
    members: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.members)


def find_columns(
    boxes: Sequence[Box], tolerance: float = 0.02, least: int = 2
) -> list[Column]:
    """Group rectangles by their right edges; the fullest column comes first.

    Args:
        boxes: the rectangles.
        tolerance: how far neighbouring edges of one column may lie apart.
        least: columns with fewer members are left out.
    """
    order = sorted(range(len(boxes)), key=lambda index: boxes[index].right)
    runs: list[list[int]] = []
    for index in order:
        if runs and boxes[index].right - boxes[runs[-1][-1]].right <= tolerance:
            runs[-1].append(index)
        else:
            runs.append([index])
    columns = [
        Column(sum(boxes[i].right for i in run) / len(run), tuple(sorted(run)))
        for run in runs
        if len(run) >= least
    ]
    return sorted(columns, key=lambda column: (-len(column), -column.right))


def in_column(box: Box, column: Column, tolerance: float = 0.02) -> bool:
    """Whether a rectangle ends where a column does."""
    return abs(box.right - column.right) <= tolerance
