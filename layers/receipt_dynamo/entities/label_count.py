"""How often a label was given and how it fared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class LabelCount(Entity):
    """How often a label was given and how it fared.

    Keys::

        PK = LABEL_COUNTS#ALL
        SK = LABEL#<label>

    Attributes:
        label: the label.
        valid: labels that were confirmed.
        invalid: labels that were refused.
        pending: labels not yet checked.
        needs_review: labels a person has to look at.
        counted_at: when they were counted.
    """

    TYPE: ClassVar[str] = "LABEL_COUNT"

    label: str
    valid: int
    invalid: int
    pending: int
    needs_review: int
    counted_at: datetime

    def __post_init__(self) -> None:
        checks.key_text("label", self.label)
        checks.count("valid", self.valid)
        checks.count("invalid", self.invalid)
        checks.count("pending", self.pending)
        checks.count("needs_review", self.needs_review)
        checks.moment("counted_at", self.counted_at)

    @classmethod
    def key_of(cls, label: str) -> Key:
        """The primary key of a label count."""
        return Key(compose("LABEL_COUNTS", "ALL"), compose("LABEL", label))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.label)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["valid"] = av.number(self.valid)
        item["invalid"] = av.number(self.invalid)
        item["pending"] = av.number(self.pending)
        item["needs_review"] = av.number(self.needs_review)
        item["counted_at"] = av.timestamp(self.counted_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> LabelCount:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                label=parts.text("LABEL"),
                valid=av.read_int(item, "valid"),
                invalid=av.read_int(item, "invalid"),
                pending=av.read_int(item, "pending"),
                needs_review=av.read_int(item, "needs_review"),
                counted_at=av.read_timestamp(item, "counted_at"),
            )

    @property
    def total(self) -> int:
        """All labels counted."""
        return self.valid + self.invalid + self.pending + self.needs_review

    @property
    def precision(self) -> float | None:
        """The share of checked labels that were confirmed, if any were checked."""
        checked = self.valid + self.invalid
        return self.valid / checked if checked else None
