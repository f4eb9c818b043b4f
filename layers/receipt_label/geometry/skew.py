"""Taking the tilt out of a photographed receipt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from .boxes import Box


def tilt(pairs: Sequence[tuple[Box, Box]]) -> float:
    """The tilt in degrees, from pairs of neighbouring words of one line.

    The median keeps a few wrong pairs from spoiling the result.
    """
    angles = []
    for left, right in pairs:
        (x1, y1), (x2, y2) = left.middle, right.middle
        if x2 > x1:
            angles.append(math.degrees(math.atan2(y2 - y1, x2 - x1)))
    return median(angles) if angles else 0.0


def straightened(box: Box, degrees: float) -> Box:
    """The rectangle around a box that was turned back about the picture's centre."""
    angle = math.radians(-degrees)
    x, y = box.middle
    dx, dy = x - 0.5, y - 0.5
    new_x = 0.5 + dx * math.cos(angle) - dy * math.sin(angle)
    new_y = 0.5 + dx * math.sin(angle) + dy * math.cos(angle)
    return Box.at(new_x - box.width / 2, new_y - box.height / 2, box.width, box.height)
