"""One change of a job's state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import JobStatus
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class JobStatusEntry(Entity):
    """One change of a job's state.

    Keys::

        PK = JOB#<job_id>
        SK = STATUS_AT#<changed_at>

    Attributes:
        job_id: the job.
        changed_at: when it changed.
        status: the new state.
        changed_by: who or what changed it.
        progress: how much is done; may be missing.
        message: why it changed; may be missing.
    """

    TYPE: ClassVar[str] = "JOB_STATUS_ENTRY"

    job_id: str
    changed_at: datetime
    status: JobStatus
    changed_by: str
    progress: float | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        checks.uuid4("job_id", self.job_id)
        checks.moment("changed_at", self.changed_at)
        checks.choice("status", self.status, JobStatus)
        checks.text("changed_by", self.changed_by)
        if self.progress is not None:
            checks.fraction("progress", self.progress)
        if self.message is not None:
            checks.text("message", self.message)

    @classmethod
    def key_of(cls, job_id: str, changed_at: datetime) -> Key:
        """The primary key of a job status entry."""
        return Key(compose("JOB", job_id), compose("STATUS_AT", changed_at.isoformat()))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.job_id, self.changed_at)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["status"] = av.choice(self.status)
        item["changed_by"] = av.text(self.changed_by)
        item["progress"] = av.optional(av.number, self.progress)
        item["message"] = av.optional(av.text, self.message)
        return item

    @classmethod
    def from_item(cls, item: Item) -> JobStatusEntry:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                job_id=parts.text("JOB"),
                changed_at=datetime.fromisoformat(parts.text("STATUS_AT")),
                status=av.read_choice(JobStatus)(item, "status"),
                changed_by=av.read_text(item, "changed_by"),
                progress=av.read_optional(av.read_float, item, "progress"),
                message=av.read_optional(av.read_text, item, "message"),
            )
