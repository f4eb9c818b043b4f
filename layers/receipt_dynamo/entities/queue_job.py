"""A job's place in a queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import JobPriority
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class QueueJob(Entity):
    """A job's place in a queue.

    Keys::

        PK = QUEUE#<queue_name>
        SK = JOB#<job_id>
        GSI1PK = QUEUED_JOB#<job_id>
        GSI1SK = QUEUED#<queue_name>

    Attributes:
        queue_name: the queue.
        job_id: the job.
        position: its place, from 0.
        priority: how urgent it is.
        enqueued_at: when it was put in.
    """

    TYPE: ClassVar[str] = "QUEUE_JOB"

    queue_name: str
    job_id: str
    position: int
    priority: JobPriority
    enqueued_at: datetime

    def __post_init__(self) -> None:
        checks.key_text("queue_name", self.queue_name)
        checks.uuid4("job_id", self.job_id)
        checks.count("position", self.position)
        checks.choice("priority", self.priority, JobPriority)
        checks.moment("enqueued_at", self.enqueued_at)

    @classmethod
    def key_of(cls, queue_name: str, job_id: str) -> Key:
        """The primary key of a queue job."""
        return Key(compose("QUEUE", queue_name), compose("JOB", job_id))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.queue_name, self.job_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("QUEUED_JOB", self.job_id),
            "GSI1SK": compose("QUEUED", self.queue_name),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["position"] = av.number(self.position)
        item["priority"] = av.choice(self.priority)
        item["enqueued_at"] = av.timestamp(self.enqueued_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> QueueJob:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                queue_name=parts.text("QUEUE"),
                job_id=parts.text("JOB"),
                position=av.read_int(item, "position"),
                priority=av.read_choice(JobPriority)(item, "priority"),
                enqueued_at=av.read_timestamp(item, "enqueued_at"),
            )
