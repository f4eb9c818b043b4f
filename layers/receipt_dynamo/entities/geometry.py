"""Shapes on a picture. Coordinates run from 0 to 1, from the lower left corner."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..serialisation import attributes as av
from ..serialisation.attributes import AttributeValue, Item
from . import checks


@dataclass(frozen=True)
class Point:
    """A place on a picture."""

    x: float
    y: float

    def __post_init__(self) -> None:
        checks.number("x", self.x)
        checks.number("y", self.y)

    def distance_to(self, other: Point) -> float:
        """The straight distance."""
        return math.hypot(self.x - other.x, self.y - other.y)

    def rotated(self, degrees: float, centre: Point) -> Point:
        """This point turned anticlockwise about a centre."""
        angle = math.radians(degrees)
        dx, dy = self.x - centre.x, self.y - centre.y
        return Point(
            centre.x + dx * math.cos(angle) - dy * math.sin(angle),
            centre.y + dx * math.sin(angle) + dy * math.cos(angle),
        )

    def to_attribute(self) -> AttributeValue:
        """The point as a DynamoDB map."""
        return {"M": {"x": av.number(self.x), "y": av.number(self.y)}}


@dataclass(frozen=True)
class BoundingBox:
    """An upright rectangle: its lower left corner and its extent."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        for name in ("x", "y", "width", "height"):
            checks.number(name, getattr(self, name))
        if self.width < 0 or self.height < 0:
            raise checks.InvalidEntity("bounding box", "must not have a negative extent")

    @property
    def centre(self) -> Point:
        """The middle of the rectangle."""
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    @property
    def area(self) -> float:
        """Width times height."""
        return self.width * self.height

    def overlap(self, other: BoundingBox) -> float:
        """The area that both rectangles cover."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(width, 0.0) * max(height, 0.0)

    def to_attribute(self) -> AttributeValue:
        """The rectangle as a DynamoDB map."""
        return {
            "M": {
                "x": av.number(self.x),
                "y": av.number(self.y),
                "width": av.number(self.width),
                "height": av.number(self.height),
            }
        }


def read_point(item: Item, name: str) -> Point:
    """A point attribute of an item."""
    values = av.read_numbers(item, name)
    return Point(**values)


def read_box(item: Item, name: str) -> BoundingBox:
    """A rectangle attribute of an item."""
    values = av.read_numbers(item, name)
    return BoundingBox(**values)
