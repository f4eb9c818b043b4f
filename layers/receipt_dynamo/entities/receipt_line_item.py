"""A thing that was bought, with its price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import ValidationStatus
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class ReceiptLineItem(Entity):
    """A thing that was bought, with its price.

    Keys::

        PK = IMAGE#<image_id>
        SK = RECEIPT#<receipt_id>#ITEM#<item_number>
        GSI2PK = ITEM_STATUS#<validation_status>
        GSI2SK = AT#<created_at>

    Attributes:
        image_id: the picture it is on.
        receipt_id: the receipt on the picture, from 1.
        item_number: the item, counted from the top.
        description: the name as printed.
        total_price: price of all, discounts included.
        line_ids: the lines it was read from.
        validation_status: how far it has been checked.
        created_at: when it was read.
        quantity: how many, or how much; may be missing.
        unit: what the quantity is measured in; may be missing.
        unit_price: price of one; may be missing.
        discount: what was taken off, as a positive number; may be missing.
    """

    TYPE: ClassVar[str] = "RECEIPT_LINE_ITEM"

    image_id: str
    receipt_id: int
    item_number: int
    description: str
    total_price: float
    line_ids: list[str]
    validation_status: ValidationStatus
    created_at: datetime
    quantity: float | None = None
    unit: str | None = None
    unit_price: float | None = None
    discount: float | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("receipt_id", self.receipt_id)
        checks.positive_id("item_number", self.item_number)
        checks.text("description", self.description)
        checks.number("total_price", self.total_price)
        checks.strings("line_ids", self.line_ids)
        checks.choice("validation_status", self.validation_status, ValidationStatus)
        checks.moment("created_at", self.created_at)
        if self.quantity is not None:
            checks.number("quantity", self.quantity)
        if self.unit is not None:
            checks.text("unit", self.unit)
        if self.unit_price is not None:
            checks.number("unit_price", self.unit_price)
        if self.discount is not None:
            checks.number("discount", self.discount)

    @classmethod
    def key_of(cls, image_id: str, receipt_id: int, item_number: int) -> Key:
        """The primary key of a receipt line item."""
        return Key(
            compose("IMAGE", image_id), compose("RECEIPT", receipt_id, "ITEM", item_number)
        )

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.receipt_id, self.item_number)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI2PK": compose("ITEM_STATUS", self.validation_status.value),
            "GSI2SK": compose("AT", self.created_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["description"] = av.text(self.description)
        item["total_price"] = av.number(self.total_price)
        item["line_ids"] = av.strings(self.line_ids)
        item["validation_status"] = av.choice(self.validation_status)
        item["created_at"] = av.timestamp(self.created_at)
        item["quantity"] = av.optional(av.number, self.quantity)
        item["unit"] = av.optional(av.text, self.unit)
        item["unit_price"] = av.optional(av.number, self.unit_price)
        item["discount"] = av.optional(av.number, self.discount)
        return item

    @classmethod
    def from_item(cls, item: Item) -> ReceiptLineItem:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                receipt_id=parts.number("RECEIPT"),
                item_number=parts.number("ITEM"),
                description=av.read_text(item, "description"),
                total_price=av.read_float(item, "total_price"),
                line_ids=av.read_strings(item, "line_ids"),
                validation_status=av.read_choice(ValidationStatus)(item, "validation_status"),
                created_at=av.read_timestamp(item, "created_at"),
                quantity=av.read_optional(av.read_float, item, "quantity"),
                unit=av.read_optional(av.read_text, item, "unit"),
                unit_price=av.read_optional(av.read_float, item, "unit_price"),
                discount=av.read_optional(av.read_float, item, "discount"),
            )

    @property
    def expected_total(self) -> float | None:
        """Quantity times unit price less the discount, where both are known."""
        if self.quantity is None or self.unit_price is None:
            return None
        return self.quantity * self.unit_price - (self.discount or 0.0)

    def adds_up(self, tolerance: float = 0.01) -> bool:
        """Whether the printed total agrees with quantity and unit price, or cannot be checked."""
        expected = self.expected_total
        return expected is None or abs(expected - self.total_price) <= tolerance + 1e-9
