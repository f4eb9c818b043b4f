"""A long piece of work, such as training a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from ..constants import JobPriority, JobStatus
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class Job(Entity):
    """A long piece of work, such as training a model.

    Keys::

        PK = JOB#<job_id>
        SK = JOB
        GSI1PK = JOB_STATUS#<status>
        GSI1SK = CREATED#<created_at>
        GSI2PK = JOB_USER#<created_by>
        GSI2SK = CREATED#<created_at>

    Attributes:
        job_id: the job.
        name: its name.
        description: what it is for.
        created_by: who wanted it.
        status: where it is in its life.
        priority: how urgent it is.
        settings: its settings.
        tags: labels for people.
        created_at: when the record was made.
        estimated_minutes: how long it should take; may be missing.
    """

    TYPE: ClassVar[str] = "JOB"

    job_id: str
    name: str
    description: str
    created_by: str
    status: JobStatus
    priority: JobPriority
    settings: dict[str, str]
    tags: dict[str, str]
    created_at: datetime
    estimated_minutes: int | None = None

    def __post_init__(self) -> None:
        checks.uuid4("job_id", self.job_id)
        checks.text("name", self.name)
        checks.text("description", self.description)
        checks.key_text("created_by", self.created_by)
        checks.choice("status", self.status, JobStatus)
        checks.choice("priority", self.priority, JobPriority)
        checks.mapping("settings", self.settings)
        checks.mapping("tags", self.tags)
        checks.moment("created_at", self.created_at)
        if self.estimated_minutes is not None:
            checks.count("estimated_minutes", self.estimated_minutes)

    @classmethod
    def key_of(cls, job_id: str) -> Key:
        """The primary key of a job."""
        return Key(compose("JOB", job_id), "JOB")

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.job_id)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("JOB_STATUS", self.status.value),
            "GSI1SK": compose("CREATED", self.created_at.isoformat()),
            "GSI2PK": compose("JOB_USER", self.created_by),
            "GSI2SK": compose("CREATED", self.created_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["name"] = av.text(self.name)
        item["description"] = av.text(self.description)
        item["created_by"] = av.text(self.created_by)
        item["status"] = av.choice(self.status)
        item["priority"] = av.choice(self.priority)
        item["settings"] = av.mapping(self.settings)
        item["tags"] = av.mapping(self.tags)
        item["created_at"] = av.timestamp(self.created_at)
        item["estimated_minutes"] = av.optional(av.number, self.estimated_minutes)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Job:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                job_id=parts.text("JOB"),
                name=av.read_text(item, "name"),
                description=av.read_text(item, "description"),
                created_by=av.read_text(item, "created_by"),
                status=av.read_choice(JobStatus)(item, "status"),
                priority=av.read_choice(JobPriority)(item, "priority"),
                settings=av.read_mapping(item, "settings"),
                tags=av.read_mapping(item, "tags"),
                created_at=av.read_timestamp(item, "created_at"),
                estimated_minutes=av.read_optional(av.read_int, item, "estimated_minutes"),
            )

    def moved_to(self, status: JobStatus) -> Job:
        """The same job in another state.

        Raises:
            ValueError: the job has already ended.
        """
        if self.status.is_final:
            raise ValueError(f"job {self.job_id} has ended as {self.status.value}")
        return replace(self, status=status)
