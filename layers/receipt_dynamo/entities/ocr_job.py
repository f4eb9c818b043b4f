"""A request to recognise the text of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import OcrJobType, OcrStatus
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class OcrJob(Entity):
    """A request to recognise the text of a picture.

    Keys::

        PK = IMAGE#<image_id>
        SK = OCR_JOB#<job_id>
        GSI1PK = OCR_STATUS#<status>
        GSI1SK = CREATED#<created_at>

    Attributes:
        image_id: the picture it is on.
        job_id: the request.
        bucket: the bucket of the picture.
        object_key: the picture in its bucket.
        status: how far it is.
        job_type: what it is for.
        created_at: when the record was made.
        receipt_id: the receipt to look at again; may be missing.
        updated_at: when it last changed; may be missing.
    """

    TYPE: ClassVar[str] = "OCR_JOB"

    image_id: str
    job_id: str
    bucket: str
    object_key: str
    status: OcrStatus
    job_type: OcrJobType
    created_at: datetime
    receipt_id: int | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        checks.uuid4("image_id", self.image_id)
        checks.uuid4("job_id", self.job_id)
        checks.text("bucket", self.bucket)
        checks.text("object_key", self.object_key)
        checks.choice("status", self.status, OcrStatus)
        checks.choice("job_type", self.job_type, OcrJobType)
        checks.moment("created_at", self.created_at)
        if self.receipt_id is not None:
            checks.positive_id("receipt_id", self.receipt_id)
        if self.updated_at is not None:
            checks.moment("updated_at", self.updated_at)

    @classmethod
    def key_of(cls, image_id: str, job_id: str) -> Key:
        """The primary key of an ocr job."""
        return Key(compose("IMAGE", image_id), compose("OCR_JOB", job_id))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.image_id, self.job_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("OCR_STATUS", self.status.value),
            "GSI1SK": compose("CREATED", self.created_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["bucket"] = av.text(self.bucket)
        item["object_key"] = av.text(self.object_key)
        item["status"] = av.choice(self.status)
        item["job_type"] = av.choice(self.job_type)
        item["created_at"] = av.timestamp(self.created_at)
        item["receipt_id"] = av.optional(av.number, self.receipt_id)
        item["updated_at"] = av.optional(av.timestamp, self.updated_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> OcrJob:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                image_id=parts.text("IMAGE"),
                job_id=parts.text("OCR_JOB"),
                bucket=av.read_text(item, "bucket"),
                object_key=av.read_text(item, "object_key"),
                status=av.read_choice(OcrStatus)(item, "status"),
                job_type=av.read_choice(OcrJobType)(item, "job_type"),
                created_at=av.read_timestamp(item, "created_at"),
                receipt_id=av.read_optional(av.read_int, item, "receipt_id"),
                updated_at=av.read_optional(av.read_timestamp, item, "updated_at"),
            )
