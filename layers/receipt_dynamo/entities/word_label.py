"""A label that something or somebody gave to a word of a receipt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from ..constants import ValidationStatus
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class WordLabel(Entity):
    """A label that something or somebody gave to a word of a receipt.

    Keys::

        PK = IMAGE#<image_id>
        SK = RECEIPT#<receipt_id>#LINE#<line_id>#WORD#<word_id>#LABEL#<label>
        GSI1PK = LABEL#<label>
        GSI1SK = STATUS#<validation_status>#AT#<labelled_at>
        GSI2PK = LABEL_STATUS#<validation_status>
        GSI2SK = AT#<labelled_at>

    Attributes:
        image_id: the picture it is on.
        receipt_id: the receipt on the picture, from 1.
        line_id: the line, counted from the top.
        word_id: the word, counted from the left.
        label: the label, in capitals.
        proposed_by: who or what gave it.
        validation_status: how far it has been checked.
        labelled_at: when it was given.
        reasoning: why the label was given; may be missing.
        confidence: how sure the proposer was; may be missing.
    """

    TYPE: ClassVar[str] = "WORD_LABEL"

    image_id: str
    receipt_id: int
    line_id: int
    word_id: int
    label: str
    proposed_by: str
    validation_status: ValidationStatus
    labelled_at: datetime
    reasoning: str | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("receipt_id", self.receipt_id)
        checks.positive_id("line_id", self.line_id)
        checks.positive_id("word_id", self.word_id)
        checks.key_text("label", self.label)
        checks.text("proposed_by", self.proposed_by)
        checks.choice("validation_status", self.validation_status, ValidationStatus)
        checks.moment("labelled_at", self.labelled_at)
        if self.reasoning is not None:
            checks.text("reasoning", self.reasoning)
        if self.confidence is not None:
            checks.fraction("confidence", self.confidence)

    @classmethod
    def key_of(
        cls, image_id: str, receipt_id: int, line_id: int, word_id: int, label: str
    ) -> Key:
        """The primary key of a word label."""
        return Key(
            compose("IMAGE", image_id),
            compose("RECEIPT", receipt_id, "LINE", line_id, "WORD", word_id, "LABEL", label),
        )

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(
            self.image_id, self.receipt_id, self.line_id, self.word_id, self.label
        )

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("LABEL", self.label),
            "GSI1SK": compose(
                "STATUS", self.validation_status.value, "AT", self.labelled_at.isoformat()
            ),
            "GSI2PK": compose("LABEL_STATUS", self.validation_status.value),
            "GSI2SK": compose("AT", self.labelled_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["proposed_by"] = av.text(self.proposed_by)
        item["validation_status"] = av.choice(self.validation_status)
        item["labelled_at"] = av.timestamp(self.labelled_at)
        item["reasoning"] = av.optional(av.text, self.reasoning)
        item["confidence"] = av.optional(av.number, self.confidence)
        return item

    @classmethod
    def from_item(cls, item: Item) -> WordLabel:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                receipt_id=parts.number("RECEIPT"),
                line_id=parts.number("LINE"),
                word_id=parts.number("WORD"),
                label=parts.text("LABEL"),
                proposed_by=av.read_text(item, "proposed_by"),
                validation_status=av.read_choice(ValidationStatus)(item, "validation_status"),
                labelled_at=av.read_timestamp(item, "labelled_at"),
                reasoning=av.read_optional(av.read_text, item, "reasoning"),
                confidence=av.read_optional(av.read_float, item, "confidence"),
            )

    def validated(self, status: ValidationStatus) -> WordLabel:
        """The same label after a check."""
        return replace(self, validation_status=status)
