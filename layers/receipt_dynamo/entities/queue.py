"""A named queue of jobs."""

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
class Queue(Entity):
    """A named queue of jobs.

    Keys::

        PK = QUEUE#<queue_name>
        SK = QUEUE

    Attributes:
        queue_name: its name.
        description: what it is for.
        max_concurrent_jobs: how many jobs may run at once.
        priority: how urgent its jobs are by default.
        job_count: jobs in it.
        is_paused: whether it hands out no jobs.
        created_at: when the record was made.
    """

    TYPE: ClassVar[str] = "QUEUE"

    queue_name: str
    description: str
    max_concurrent_jobs: int
    priority: JobPriority
    job_count: int
    is_paused: bool
    created_at: datetime

    def __post_init__(self) -> None:
        checks.key_text("queue_name", self.queue_name)
        checks.text("description", self.description)
        checks.positive_id("max_concurrent_jobs", self.max_concurrent_jobs)
        checks.choice("priority", self.priority, JobPriority)
        checks.count("job_count", self.job_count)
        checks.flag("is_paused", self.is_paused)
        checks.moment("created_at", self.created_at)

    @classmethod
    def key_of(cls, queue_name: str) -> Key:
        """The primary key of a queue."""
        return Key(compose("QUEUE", queue_name), "QUEUE")

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.queue_name)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["description"] = av.text(self.description)
        item["max_concurrent_jobs"] = av.number(self.max_concurrent_jobs)
        item["priority"] = av.choice(self.priority)
        item["job_count"] = av.number(self.job_count)
        item["is_paused"] = av.flag(self.is_paused)
        item["created_at"] = av.timestamp(self.created_at)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Queue:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                queue_name=parts.text("QUEUE"),
                description=av.read_text(item, "description"),
                max_concurrent_jobs=av.read_int(item, "max_concurrent_jobs"),
                priority=av.read_choice(JobPriority)(item, "priority"),
                job_count=av.read_int(item, "job_count"),
                is_paused=av.read_flag(item, "is_paused"),
                created_at=av.read_timestamp(item, "created_at"),
            )

    def has_room(self, running: int) -> bool:
        """Whether another job may start."""
        return not self.is_paused and running < self.max_concurrent_jobs
