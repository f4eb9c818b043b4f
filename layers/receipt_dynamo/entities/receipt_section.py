"""A horizontal part of a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import SectionType
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class ReceiptSection(Entity):
    """A horizontal part of a receipt.

    Keys::

        PK = IMAGE#<image_id>
        SK = RECEIPT#<receipt_id>#SECTION#<section>

    Attributes:
        image_id: the picture it is on.
        receipt_id: the receipt on the picture, from 1.
        section: which part.
        first_line_id: its first line.
        last_line_id: its last line.
        confidence: how sure the segmenter is.
        model: what segmented it.
        created_at: when the record was made.
    """

    TYPE: ClassVar[str] = "RECEIPT_SECTION"

    image_id: str
    receipt_id: int
    section: SectionType
    first_line_id: int
    last_line_id: int
    confidence: float
    model: str
    created_at: datetime

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("receipt_id", self.receipt_id)
        checks.choice("section", self.section, SectionType)
        checks.positive_id("first_line_id", self.first_line_id)
        checks.positive_id("last_line_id", self.last_line_id)
        checks.fraction("confidence", self.confidence)
        checks.text("model", self.model)
        checks.moment("created_at", self.created_at)
        if self.last_line_id < self.first_line_id:
            raise checks.InvalidEntity("last_line_id", "must not lie before first_line_id")

    @classmethod
    def key_of(cls, image_id: str, receipt_id: int, section: SectionType) -> Key:
        """The primary key of a receipt section."""
        return Key(
            compose("IMAGE", image_id), compose("RECEIPT", receipt_id, "SECTION", section.value)
        )

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.receipt_id, self.section)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["first_line_id"] = av.number(self.first_line_id)
        item["last_line_id"] = av.number(self.last_line_id)
        item["confidence"] = av.number(self.confidence)
        item["model"] = av.text(self.model)
        item["created_at"] = av.timestamp(self.created_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> ReceiptSection:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                receipt_id=parts.number("RECEIPT"),
                section=SectionType(parts.text("SECTION")),
                first_line_id=av.read_int(item, "first_line_id"),
                last_line_id=av.read_int(item, "last_line_id"),
                confidence=av.read_float(item, "confidence"),
                model=av.read_text(item, "model"),
                created_at=av.read_timestamp(item, "created_at"),
            )

    def holds_line(self, line_id: int) -> bool:
        """Whether a line belongs to the section."""
        return self.first_line_id <= line_id <= self.last_line_id
