"""The outcome of one check of a receipt's labels."""

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
class ReceiptValidation(Entity):
    """The outcome of one check of a receipt's labels.

    Keys::

        PK = IMAGE#<image_id>
        SK = RECEIPT#<receipt_id>#CHECK#<check_name>
        GSI1PK = CHECK#<check_name>
        GSI1SK = AT#<checked_at>

    Attributes:
        image_id: the picture it is on.
        receipt_id: the receipt on the picture, from 1.
        check_name: the check.
        passed: whether it passed.
        message: what was found.
        words: the words involved, as line.word.
        checked_at: when it ran.
        expected: the number that was expected; may be missing.
        actual: the number that was there; may be missing.
    """

    TYPE: ClassVar[str] = "RECEIPT_VALIDATION"

    image_id: str
    receipt_id: int
    check_name: str
    passed: bool
    message: str
    words: list[str]
    checked_at: datetime
    expected: float | None = None
    actual: float | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("receipt_id", self.receipt_id)
        checks.key_text("check_name", self.check_name)
        checks.flag("passed", self.passed)
        checks.text("message", self.message)
        checks.strings("words", self.words)
        checks.moment("checked_at", self.checked_at)
        if self.expected is not None:
            checks.number("expected", self.expected)
        if self.actual is not None:
            checks.number("actual", self.actual)

    @classmethod
    def key_of(cls, image_id: str, receipt_id: int, check_name: str) -> Key:
        """The primary key of a receipt validation."""
        return Key(
            compose("IMAGE", image_id), compose("RECEIPT", receipt_id, "CHECK", check_name)
        )

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.receipt_id, self.check_name)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("CHECK", self.check_name),
            "GSI1SK": compose("AT", self.checked_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["passed"] = av.flag(self.passed)
        item["message"] = av.text(self.message)
        item["words"] = av.strings(self.words)
        item["checked_at"] = av.timestamp(self.checked_at)
        item["expected"] = av.optional(av.number, self.expected)
        item["actual"] = av.optional(av.number, self.actual)
        return item

    @classmethod
    def from_item(cls, item: Item) -> ReceiptValidation:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                receipt_id=parts.number("RECEIPT"),
                check_name=parts.text("CHECK"),
                passed=av.read_flag(item, "passed"),
                message=av.read_text(item, "message"),
                words=av.read_strings(item, "words"),
                checked_at=av.read_timestamp(item, "checked_at"),
                expected=av.read_optional(av.read_float, item, "expected"),
                actual=av.read_optional(av.read_float, item, "actual"),
            )

    @property
    def difference(self) -> float | None:
        """By how much the numbers differ, where both are known."""
        if self.expected is None or self.actual is None:
            return None
        return self.actual - self.expected
