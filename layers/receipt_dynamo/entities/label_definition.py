"""What a label means and which words may carry it."""

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
class LabelDefinition(Entity):
    """What a label means and which words may carry it.

    Keys::

        PK = LABELS#ALL
        SK = LABEL#<label>

    Attributes:
        label: the label, in capitals.
        description: what it means, for people and prompts.
        examples: words that carry it.
        pattern_names: matchers that may propose it.
        required: whether a receipt without it is incomplete.
        unique: whether a receipt carries it at most once.
        updated_at: when the definition last changed.
    """

    TYPE: ClassVar[str] = "LABEL_DEFINITION"

    label: str
    description: str
    examples: list[str]
    pattern_names: list[str]
    required: bool
    unique: bool
    updated_at: datetime

    def __post_init__(self) -> None:
        checks.key_text("label", self.label)
        checks.text("description", self.description)
        checks.strings("examples", self.examples)
        checks.strings("pattern_names", self.pattern_names)
        checks.flag("required", self.required)
        checks.flag("unique", self.unique)
        checks.moment("updated_at", self.updated_at)

    @classmethod
    def key_of(cls, label: str) -> Key:
        """The primary key of a label definition."""
        return Key(compose("LABELS", "ALL"), compose("LABEL", label))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.label)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["description"] = av.text(self.description)
        item["examples"] = av.strings(self.examples)
        item["pattern_names"] = av.strings(self.pattern_names)
        item["required"] = av.flag(self.required)
        item["unique"] = av.flag(self.unique)
        item["updated_at"] = av.timestamp(self.updated_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> LabelDefinition:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                label=parts.text("LABEL"),
                description=av.read_text(item, "description"),
                examples=av.read_strings(item, "examples"),
                pattern_names=av.read_strings(item, "pattern_names"),
                required=av.read_flag(item, "required"),
                unique=av.read_flag(item, "unique"),
                updated_at=av.read_timestamp(item, "updated_at"),
            )
