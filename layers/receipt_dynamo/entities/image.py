"""A picture that holds one or more receipts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import ImageType
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class Image(Entity):
    """A picture that holds one or more receipts.

    Keys::

        PK = IMAGE#<image_id>
        SK = PICTURE
        GSI1PK = IMAGE_TYPE#<image_type>
        GSI1SK = ADDED#<added_at>

    Attributes:
        image_id: the picture.
        width: pixels across.
        height: pixels down.
        image_type: how the picture was taken.
        raw_bucket: the bucket of the original file.
        raw_key: the original file in its bucket.
        added_at: when the picture came in.
        cdn_bucket: the bucket of the published copy; may be missing.
        cdn_key: the published copy in its bucket; may be missing.
        sha256: digest of the original file; may be missing.
    """

    TYPE: ClassVar[str] = "IMAGE"

    image_id: str
    width: int
    height: int
    image_type: ImageType
    raw_bucket: str
    raw_key: str
    added_at: datetime
    cdn_bucket: str | None = None
    cdn_key: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("width", self.width)
        checks.positive_id("height", self.height)
        checks.choice("image_type", self.image_type, ImageType)
        checks.text("raw_bucket", self.raw_bucket)
        checks.text("raw_key", self.raw_key)
        checks.moment("added_at", self.added_at)
        if self.cdn_bucket is not None:
            checks.text("cdn_bucket", self.cdn_bucket)
        if self.cdn_key is not None:
            checks.text("cdn_key", self.cdn_key)
        if self.sha256 is not None:
            checks.text("sha256", self.sha256)

    @classmethod
    def key_of(cls, image_id: str) -> Key:
        """The primary key of an image."""
        return Key(compose("IMAGE", image_id), "PICTURE")

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("IMAGE_TYPE", self.image_type.value),
            "GSI1SK": compose("ADDED", self.added_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["width"] = av.number(self.width)
        item["height"] = av.number(self.height)
        item["image_type"] = av.choice(self.image_type)
        item["raw_bucket"] = av.text(self.raw_bucket)
        item["raw_key"] = av.text(self.raw_key)
        item["added_at"] = av.timestamp(self.added_at)
        item["cdn_bucket"] = av.optional(av.text, self.cdn_bucket)
        item["cdn_key"] = av.optional(av.text, self.cdn_key)
        item["sha256"] = av.optional(av.text, self.sha256)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Image:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                width=av.read_int(item, "width"),
                height=av.read_int(item, "height"),
                image_type=av.read_choice(ImageType)(item, "image_type"),
                raw_bucket=av.read_text(item, "raw_bucket"),
                raw_key=av.read_text(item, "raw_key"),
                added_at=av.read_timestamp(item, "added_at"),
                cdn_bucket=av.read_optional(av.read_text, item, "cdn_bucket"),
                cdn_key=av.read_optional(av.read_text, item, "cdn_key"),
                sha256=av.read_optional(av.read_text, item, "sha256"),
            )

    @property
    def aspect_ratio(self) -> float:
        """Width over height."""
        return self.width / self.height

    @property
    def is_published(self) -> bool:
        """Whether a copy is where browsers find it."""
        return self.cdn_bucket is not None and self.cdn_key is not None
