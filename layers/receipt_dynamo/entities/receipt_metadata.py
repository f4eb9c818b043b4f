"""Which shop a receipt is from, and how that was found out."""

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
class ReceiptMetadata(Entity):
    """Which shop a receipt is from, and how that was found out.

    Keys::

        PK = IMAGE#<image_id>
        SK = RECEIPT#<receipt_id>#METADATA#MERCHANT
        GSI1PK = MERCHANT#<merchant_name>
        GSI1SK = AT#<matched_at>
        GSI2PK = METADATA_STATUS#<validation_status>
        GSI2SK = AT#<matched_at>

    Attributes:
        image_id: the picture it is on.
        receipt_id: the receipt on the picture, from 1.
        merchant_name: the shop's name.
        merchant_category: what kind of shop it is.
        matched_fields: what agreed with the directory: name, address, phone.
        validated_by: what made the match.
        validation_status: how far it has been checked.
        matched_at: when the match was made.
        place_id: the shop's id in the places directory; may be missing.
        address: the shop's address; may be missing.
        phone_number: the shop's telephone number; may be missing.
    """

    TYPE: ClassVar[str] = "RECEIPT_METADATA"

    image_id: str
    receipt_id: int
    merchant_name: str
    merchant_category: str
    matched_fields: list[str]
    validated_by: str
    validation_status: ValidationStatus
    matched_at: datetime
    place_id: str | None = None
    address: str | None = None
    phone_number: str | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.positive_id("receipt_id", self.receipt_id)
        checks.key_text("merchant_name", self.merchant_name)
        checks.text("merchant_category", self.merchant_category)
        checks.strings("matched_fields", self.matched_fields)
        checks.text("validated_by", self.validated_by)
        checks.choice("validation_status", self.validation_status, ValidationStatus)
        checks.moment("matched_at", self.matched_at)
        if self.place_id is not None:
            checks.text("place_id", self.place_id)
        if self.address is not None:
            checks.text("address", self.address)
        if self.phone_number is not None:
            checks.text("phone_number", self.phone_number)

    @classmethod
    def key_of(cls, image_id: str, receipt_id: int) -> Key:
        """The primary key of a receipt metadata."""
        return Key(
            compose("IMAGE", image_id), compose("RECEIPT", receipt_id, "METADATA", "MERCHANT")
        )

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.receipt_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("MERCHANT", self.merchant_name),
            "GSI1SK": compose("AT", self.matched_at.isoformat()),
            "GSI2PK": compose("METADATA_STATUS", self.validation_status.value),
            "GSI2SK": compose("AT", self.matched_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["merchant_name"] = av.text(self.merchant_name)
        item["merchant_category"] = av.text(self.merchant_category)
        item["matched_fields"] = av.strings(self.matched_fields)
        item["validated_by"] = av.text(self.validated_by)
        item["validation_status"] = av.choice(self.validation_status)
        item["matched_at"] = av.timestamp(self.matched_at)
        item["place_id"] = av.optional(av.text, self.place_id)
        item["address"] = av.optional(av.text, self.address)
        item["phone_number"] = av.optional(av.text, self.phone_number)
        return item

    @classmethod
    def from_item(cls, item: Item) -> ReceiptMetadata:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                receipt_id=parts.number("RECEIPT"),
                merchant_name=av.read_text(item, "merchant_name"),
                merchant_category=av.read_text(item, "merchant_category"),
                matched_fields=av.read_strings(item, "matched_fields"),
                validated_by=av.read_text(item, "validated_by"),
                validation_status=av.read_choice(ValidationStatus)(item, "validation_status"),
                matched_at=av.read_timestamp(item, "matched_at"),
                place_id=av.read_optional(av.read_text, item, "place_id"),
                address=av.read_optional(av.read_text, item, "address"),
                phone_number=av.read_optional(av.read_text, item, "phone_number"),
            )
