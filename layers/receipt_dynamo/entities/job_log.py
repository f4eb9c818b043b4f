"""A line of a job's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..constants import LogLevel
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class JobLog(Entity):
    """A line of a job's log.

    Keys::

        PK = JOB#<job_id>
        SK = LOG#<logged_at>

    Attributes:
        job_id: the job.
        logged_at: when.
        level: how serious it is.
        message: the line.
        source: the part of the program that wrote it.
        exception: the traceback, if there was an error; may be missing.
    """

    TYPE: ClassVar[str] = "JOB_LOG"

    job_id: str
    logged_at: datetime
    level: LogLevel
    message: str
    source: str
    exception: str | None = None

    def __post_init__(self) -> None:
        checks.uuid4("job_id", self.job_id)
        checks.moment("logged_at", self.logged_at)
        checks.choice("level", self.level, LogLevel)
        checks.text("message", self.message)
        checks.text("source", self.source)
        if self.exception is not None:
            checks.text("exception", self.exception)

    @classmethod
    def key_of(cls, job_id: str, logged_at: datetime) -> Key:
        """The primary key of a job log."""
        return Key(compose("JOB", job_id), compose("LOG", logged_at.isoformat()))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.job_id, self.logged_at)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["level"] = av.choice(self.level)
        item["message"] = av.text(self.message)
        item["source"] = av.text(self.source)
        item["exception"] = av.optional(av.text, self.exception)
        return item

    @classmethod
    def from_item(cls, item: Item) -> JobLog:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                job_id=parts.text("JOB"),
                logged_at=datetime.fromisoformat(parts.text("LOG")),
                level=av.read_choice(LogLevel)(item, "level"),
                message=av.read_text(item, "message"),
                source=av.read_text(item, "source"),
                exception=av.read_optional(av.read_text, item, "exception"),
            )
