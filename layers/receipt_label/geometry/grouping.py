"""From loose rectangles to lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from .boxes import Box, union

T = TypeVar("T")


def group_into_lines(
    things: Iterable[T], box_of: Callable[[T], Box], least_overlap: float = 0.5
) -> list[list[T]]:
    """Group things that stand side by side, lines from the top, things from the left.

    A thing joins the line that it overlaps most, if it shares at least ``least_overlap`` of
    its height with it.
    """
    lines: list[tuple[Box, list[T]]] = []
    for thing in sorted(things, key=lambda each: (-box_of(each).top, box_of(each).left)):
        box = box_of(thing)
        best = -1
        best_overlap = least_overlap
        for index, (line_box, _) in enumerate(lines):
            overlap = line_box.vertical_overlap(box)
            if overlap >= best_overlap:
                best, best_overlap = index, overlap
        if best < 0:
            lines.append((box, [thing]))
        else:
            line_box, members = lines[best]
            members.append(thing)
            lines[best] = (union([line_box, box]), members)
    lines.sort(key=lambda line: -line[0].middle[1])
    return [sorted(members, key=lambda each: box_of(each).left) for _, members in lines]
