"""A line of text on a picture, before receipts are cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading
from .geometry import BoundingBox, Point, read_box, read_point


@dataclass(frozen=True, kw_only=True)
class Line(Entity):
    """A line of text on a picture, before receipts are cut out.

    Keys::

        PK = IMAGE#<image_id>
        SK = LINE#<line_id>

    Attributes:
        image_id: the picture it is on.
        line_id: the line, counted from the top.
        text: what was read.
        bounding_box: the upright rectangle around it.
        top_left: the upper left corner.
        top_right: the upper right corner.
        bottom_left: the lower left corner.
        bottom_right: the lower right corner.
        angle_degrees: how far it is turned, anticlockwise.
        confidence: how sure the recogniser is.
    """

    TYPE: ClassVar[str] = "LINE"

    image_id: str
    line_id: int
    text: str
    bounding_box: BoundingBox
    top_left: Point
    top_right: Point
    bottom_left: Point
    bottom_right: Point
    angle_degrees: float
    confidence: float

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("line_id", self.line_id)
        checks.text("text", self.text)
        checks.instance("bounding_box", self.bounding_box, BoundingBox)
        checks.instance("top_left", self.top_left, Point)
        checks.instance("top_right", self.top_right, Point)
        checks.instance("bottom_left", self.bottom_left, Point)
        checks.instance("bottom_right", self.bottom_right, Point)
        checks.number("angle_degrees", self.angle_degrees)
        checks.fraction("confidence", self.confidence)

    @classmethod
    def key_of(cls, image_id: str, line_id: int) -> Key:
        """The primary key of a line."""
        return Key(compose("IMAGE", image_id), compose("LINE", line_id))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.line_id)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["text"] = av.text(self.text)
        item["bounding_box"] = self.bounding_box.to_attribute()
        item["top_left"] = self.top_left.to_attribute()
        item["top_right"] = self.top_right.to_attribute()
        item["bottom_left"] = self.bottom_left.to_attribute()
        item["bottom_right"] = self.bottom_right.to_attribute()
        item["angle_degrees"] = av.number(self.angle_degrees)
        item["confidence"] = av.number(self.confidence)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Line:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                line_id=parts.number("LINE"),
                text=av.read_text(item, "text"),
                bounding_box=read_box(item, "bounding_box"),
                top_left=read_point(item, "top_left"),
                top_right=read_point(item, "top_right"),
                bottom_left=read_point(item, "bottom_left"),
                bottom_right=read_point(item, "bottom_right"),
                angle_degrees=av.read_float(item, "angle_degrees"),
                confidence=av.read_float(item, "confidence"),
            )

    @property
    def centroid(self) -> Point:
        """The middle of the four corners."""
        corners = (self.top_left, self.top_right, self.bottom_left, self.bottom_right)
        return Point(sum(c.x for c in corners) / 4, sum(c.y for c in corners) / 4)
