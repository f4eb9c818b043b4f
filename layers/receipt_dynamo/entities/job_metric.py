"""A number measured while a job ran."""

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
class JobMetric(Entity):
    """A number measured while a job ran.

    Keys::

        PK = JOB#<job_id>
        SK = METRIC#<metric>#AT#<measured_at>
        GSI1PK = METRIC#<metric>
        GSI1SK = AT#<measured_at>

    Attributes:
        job_id: the job.
        metric: what was measured.
        measured_at: when.
        value: the number.
        unit: its unit; may be missing.
        step: the training step; may be missing.
        epoch: the pass over the data; may be missing.
    """

    TYPE: ClassVar[str] = "JOB_METRIC"

    job_id: str
    metric: str
    measured_at: datetime
    value: float
    unit: str | None = None
    step: int | None = None
    epoch: int | None = None

    def __post_init__(self) -> None:
        checks.uuid4("job_id", self.job_id)
        checks.key_text("metric", self.metric)
        checks.moment("measured_at", self.measured_at)
        checks.number("value", self.value)
        if self.unit is not None:
            checks.text("unit", self.unit)
        if self.step is not None:
            checks.count("step", self.step)
        if self.epoch is not None:
            checks.count("epoch", self.epoch)

    @classmethod
    def key_of(cls, job_id: str, metric: str, measured_at: datetime) -> Key:
        """The primary key of a job metric."""
        return Key(
            compose("JOB", job_id), compose("METRIC", metric, "AT", measured_at.isoformat())
        )

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.job_id, self.metric, self.measured_at)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("METRIC", self.metric),
            "GSI1SK": compose("AT", self.measured_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["value"] = av.number(self.value)
        item["unit"] = av.optional(av.text, self.unit)
        item["step"] = av.optional(av.number, self.step)
        item["epoch"] = av.optional(av.number, self.epoch)
        return item

    @classmethod
    def from_item(cls, item: Item) -> JobMetric:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                job_id=parts.text("JOB"),
                metric=parts.text("METRIC"),
                measured_at=datetime.fromisoformat(parts.text("AT")),
                value=av.read_float(item, "value"),
                unit=av.read_optional(av.read_text, item, "unit"),
                step=av.read_optional(av.read_int, item, "step"),
                epoch=av.read_optional(av.read_int, item, "epoch"),
            )
