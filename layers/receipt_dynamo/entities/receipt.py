"""One receipt on a picture, with its corners and its warped copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading
from .geometry import Point, read_point


@dataclass(frozen=True, kw_only=True)
class Receipt(Entity):
    """One receipt on a picture, with its corners and its warped copy.

    Keys::

        PK = IMAGE#<image_id>
        SK = RECEIPT#<receipt_id>
        GSI1PK = RECEIPTS#ALL
        GSI1SK = ADDED#<added_at>

    Attributes:
        image_id: the picture it is on.
        receipt_id: the receipt on the picture, from 1.
        width: pixels across.
        height: pixels down.
        top_left: the upper left corner on the picture.
        top_right: the upper right corner on the picture.
        bottom_left: the lower left corner on the picture.
        bottom_right: the lower right corner on the picture.
        bucket: the bucket of the warped copy.
        object_key: the warped copy in its bucket.
        added_at: when the receipt was cut out.
        sha256: digest of the warped copy; may be missing.
    """

    TYPE: ClassVar[str] = "RECEIPT"

    image_id: str
    receipt_id: int
    width: int
    height: int
    top_left: Point
    top_right: Point
    bottom_left: Point
    bottom_right: Point
    bucket: str
    object_key: str
    added_at: datetime
    sha256: str | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("receipt_id", self.receipt_id)
        checks.positive_id("width", self.width)
        checks.positive_id("height", self.height)
        checks.instance("top_left", self.top_left, Point)
        checks.instance("top_right", self.top_right, Point)
        checks.instance("bottom_left", self.bottom_left, Point)
        checks.instance("bottom_right", self.bottom_right, Point)
        checks.text("bucket", self.bucket)
        checks.text("object_key", self.object_key)
        checks.moment("added_at", self.added_at)
        if self.sha256 is not None:
            checks.text("sha256", self.sha256)

    @classmethod
    def key_of(cls, image_id: str, receipt_id: int) -> Key:
        """The primary key of a receipt."""
        return Key(compose("IMAGE", image_id), compose("RECEIPT", receipt_id))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.receipt_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("RECEIPTS", "ALL"),
            "GSI1SK": compose("ADDED", self.added_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["width"] = av.number(self.width)
        item["height"] = av.number(self.height)
        item["top_left"] = self.top_left.to_attribute()
        item["top_right"] = self.top_right.to_attribute()
        item["bottom_left"] = self.bottom_left.to_attribute()
        item["bottom_right"] = self.bottom_right.to_attribute()
        item["bucket"] = av.text(self.bucket)
        item["object_key"] = av.text(self.object_key)
        item["added_at"] = av.timestamp(self.added_at)
        item["sha256"] = av.optional(av.text, self.sha256)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Receipt:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                receipt_id=parts.number("RECEIPT"),
                width=av.read_int(item, "width"),
                height=av.read_int(item, "height"),
                top_left=read_point(item, "top_left"),
                top_right=read_point(item, "top_right"),
                bottom_left=read_point(item, "bottom_left"),
                bottom_right=read_point(item, "bottom_right"),
                bucket=av.read_text(item, "bucket"),
                object_key=av.read_text(item, "object_key"),
                added_at=av.read_timestamp(item, "added_at"),
                sha256=av.read_optional(av.read_text, item, "sha256"),
            )

    @property
    def corners(self) -> tuple[Point, Point, Point, Point]:
        """The corners, clockwise from the upper left."""
        return (self.top_left, self.top_right, self.bottom_right, self.bottom_left)
