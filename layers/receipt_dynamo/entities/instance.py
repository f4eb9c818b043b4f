"""A worker machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import InstanceStatus
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class Instance(Entity):
    """A worker machine.

    Keys::

        PK = INSTANCE#<instance_id>
        SK = INSTANCE
        GSI1PK = INSTANCE_STATUS#<status>
        GSI1SK = LAUNCHED#<launched_at>

    Attributes:
        instance_id: the machine's id at the provider.
        instance_type: its size.
        gpu_count: its graphics processors.
        status: where it is in its life.
        is_spot: whether the provider may take it back.
        launched_at: when it started.
        last_seen_at: when it last reported.
        ip_address: where it is reached; may be missing.
    """

    TYPE: ClassVar[str] = "INSTANCE"

    instance_id: str
    instance_type: str
    gpu_count: int
    status: InstanceStatus
    is_spot: bool
    launched_at: datetime
    last_seen_at: datetime
    ip_address: str | None = None

    def __post_init__(self) -> None:
        checks.key_text("instance_id", self.instance_id)
        checks.text("instance_type", self.instance_type)
        checks.count("gpu_count", self.gpu_count)
        checks.choice("status", self.status, InstanceStatus)
        checks.flag("is_spot", self.is_spot)
        checks.moment("launched_at", self.launched_at)
        checks.moment("last_seen_at", self.last_seen_at)
        if self.ip_address is not None:
            checks.text("ip_address", self.ip_address)

    @classmethod
    def key_of(cls, instance_id: str) -> Key:
        """The primary key of an instance."""
        return Key(compose("INSTANCE", instance_id), "INSTANCE")

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.instance_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("INSTANCE_STATUS", self.status.value),
            "GSI1SK": compose("LAUNCHED", self.launched_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["instance_type"] = av.text(self.instance_type)
        item["gpu_count"] = av.number(self.gpu_count)
        item["status"] = av.choice(self.status)
        item["is_spot"] = av.flag(self.is_spot)
        item["launched_at"] = av.timestamp(self.launched_at)
        item["last_seen_at"] = av.timestamp(self.last_seen_at)
        item["ip_address"] = av.optional(av.text, self.ip_address)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Instance:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                instance_id=parts.text("INSTANCE"),
                instance_type=av.read_text(item, "instance_type"),
                gpu_count=av.read_int(item, "gpu_count"),
                status=av.read_choice(InstanceStatus)(item, "status"),
                is_spot=av.read_flag(item, "is_spot"),
                launched_at=av.read_timestamp(item, "launched_at"),
                last_seen_at=av.read_timestamp(item, "last_seen_at"),
                ip_address=av.read_optional(av.read_text, item, "ip_address"),
            )

    def is_silent(self, now: datetime, after_seconds: float = 120.0) -> bool:
        """Whether the machine has not reported for too long."""
        return (now - self.last_seen_at).total_seconds() > after_seconds
