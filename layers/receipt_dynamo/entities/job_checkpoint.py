"""A saved state of a training job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class JobCheckpoint(Entity):
    """A saved state of a training job.

    Keys::

        PK = JOB#<job_id>
        SK = CHECKPOINT#<saved_at>

    Attributes:
        job_id: the job.
        saved_at: when it was saved.
        bucket: the bucket it lies in.
        object_key: the object in the bucket.
        size_bytes: its size.
        step: the training step.
        epoch: the pass over the data.
        metrics: what was measured then.
        has_optimizer: whether training can go on from it.
        is_best: whether it is the best so far.
    """

    TYPE: ClassVar[str] = "JOB_CHECKPOINT"

    job_id: str
    saved_at: datetime
    bucket: str
    object_key: str
    size_bytes: int
    step: int
    epoch: int
    metrics: dict[str, float]
    has_optimizer: bool
    is_best: bool

    def __post_init__(self) -> None:
        checks.uuid4("job_id", self.job_id)
        checks.moment("saved_at", self.saved_at)
        checks.text("bucket", self.bucket)
        checks.text("object_key", self.object_key)
        checks.count("size_bytes", self.size_bytes)
        checks.count("step", self.step)
        checks.count("epoch", self.epoch)
        checks.numbers("metrics", self.metrics)
        checks.flag("has_optimizer", self.has_optimizer)
        checks.flag("is_best", self.is_best)

    @classmethod
    def key_of(cls, job_id: str, saved_at: datetime) -> Key:
        """The primary key of a job checkpoint."""
        return Key(compose("JOB", job_id), compose("CHECKPOINT", saved_at.isoformat()))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.job_id, self.saved_at)

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["bucket"] = av.text(self.bucket)
        item["object_key"] = av.text(self.object_key)
        item["size_bytes"] = av.number(self.size_bytes)
        item["step"] = av.number(self.step)
        item["epoch"] = av.number(self.epoch)
        item["metrics"] = av.numbers(self.metrics)
        item["has_optimizer"] = av.flag(self.has_optimizer)
        item["is_best"] = av.flag(self.is_best)
        return item

    @classmethod
    def from_item(cls, item: Item) -> JobCheckpoint:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                job_id=parts.text("JOB"),
                saved_at=datetime.fromisoformat(parts.text("CHECKPOINT")),
                bucket=av.read_text(item, "bucket"),
                object_key=av.read_text(item, "object_key"),
                size_bytes=av.read_int(item, "size_bytes"),
                step=av.read_int(item, "step"),
                epoch=av.read_int(item, "epoch"),
                metrics=av.read_numbers(item, "metrics"),
                has_optimizer=av.read_flag(item, "has_optimizer"),
                is_best=av.read_flag(item, "is_best"),
            )
