"""Upright rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle by its left, bottom, right and top edges."""

    left: float
    bottom: float
    right: float
    top: float

    def __post_init__(self) -> None:
        if self.right < self.left or self.top < self.bottom:
            raise ValueError(f"a box must not be turned inside out: {self}")

    @classmethod
    def at(cls, x: float, y: float, width: float, height: float) -> Box:
        """A rectangle by its lower left corner and its extent."""
        return cls(x, y, x + width, y + height)

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    @property
    def middle(self) -> tuple[float, float]:
        """The centre."""
        return ((self.left + self.right) / 2, (self.bottom + self.top) / 2)

    def vertical_overlap(self, other: Box) -> float:
        """The share of the lower of both heights that both cover, 0 to 1."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        least = min(self.height, other.height)
        if least <= 0.0:
            return 0.0
        return max(shared, 0.0) / least

    def gap_to(self, other: Box) -> float:
        """The free space between two rectangles side by side; 0 where they overlap."""
        return max(other.left - self.right, self.left - other.right, 0.0)


def union(boxes: Sequence[Box]) -> Box:
    """The rectangle around several."""
    if not boxes:
        raise ValueError("the union of no boxes is undefined")
    return Box(
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
    )
