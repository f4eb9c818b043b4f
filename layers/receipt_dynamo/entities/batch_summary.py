"""A batch that was sent to a model service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import BatchStatus, BatchType
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class BatchSummary(Entity):
    """A batch that was sent to a model service.

    Keys::

        PK = BATCH#<batch_id>
        SK = BATCH
        GSI1PK = BATCH_STATUS#<status>
        GSI1SK = TYPE_OF#<batch_type>#AT#<submitted_at>

    Attributes:
        batch_id: our id of the batch.
        batch_type: which service it went to.
        service_batch_id: the service's id of it.
        status: how far the service is.
        word_count: words in it.
        receipts: the receipts in it, as image and number.
        submitted_at: when it was sent.
    """

    TYPE: ClassVar[str] = "BATCH_SUMMARY"

    batch_id: str
    batch_type: BatchType
    service_batch_id: str
    status: BatchStatus
    word_count: int
    receipts: list[str]
    submitted_at: datetime

    def __post_init__(self) -> None:
        checks.uuid4("batch_id", self.batch_id)
        checks.choice("batch_type", self.batch_type, BatchType)
        checks.text("service_batch_id", self.service_batch_id)
        checks.choice("status", self.status, BatchStatus)
        checks.count("word_count", self.word_count)
        checks.strings("receipts", self.receipts)
        checks.moment("submitted_at", self.submitted_at)

    @classmethod
    def key_of(cls, batch_id: str) -> Key:
        """The primary key of a batch summary."""
        return Key(compose("BATCH", batch_id), "BATCH")

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.batch_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("BATCH_STATUS", self.status.value),
            "GSI1SK": compose(
                "TYPE_OF", self.batch_type.value, "AT", self.submitted_at.isoformat()
            ),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["batch_type"] = av.choice(self.batch_type)
        item["service_batch_id"] = av.text(self.service_batch_id)
        item["status"] = av.choice(self.status)
        item["word_count"] = av.number(self.word_count)
        item["receipts"] = av.strings(self.receipts)
        item["submitted_at"] = av.timestamp(self.submitted_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> BatchSummary:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                batch_id=parts.text("BATCH"),
                batch_type=av.read_choice(BatchType)(item, "batch_type"),
                service_batch_id=av.read_text(item, "service_batch_id"),
                status=av.read_choice(BatchStatus)(item, "status"),
                word_count=av.read_int(item, "word_count"),
                receipts=av.read_strings(item, "receipts"),
                submitted_at=av.read_timestamp(item, "submitted_at"),
            )
