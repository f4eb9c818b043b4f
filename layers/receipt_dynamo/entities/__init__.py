"""The records of the table. ``ENTITY_TYPES`` finds a record's class by its ``TYPE``."""

from __future__ import annotations

from .base import Entity
from .batch_summary import BatchSummary
from .geometry import BoundingBox, Point
from .image import Image
from .instance import Instance
from .job import Job
from .job_checkpoint import JobCheckpoint
from .job_log import JobLog
from .job_metric import JobMetric
from .job_status_entry import JobStatusEntry
from .label_count import LabelCount
from .label_definition import LabelDefinition
from .letter import Letter
from .line import Line
from .ocr_job import OcrJob
from .place import Place
from .queue import Queue
from .queue_job import QueueJob
from .receipt import Receipt
from .receipt_letter import ReceiptLetter
from .receipt_line import ReceiptLine
from .receipt_line_item import ReceiptLineItem
from .receipt_metadata import ReceiptMetadata
from .receipt_section import ReceiptSection
from .receipt_validation import ReceiptValidation
from .receipt_word import ReceiptWord
from .word import Word
from .word_label import WordLabel

ALL_ENTITIES: tuple[type[Entity], ...] = (
    Image,
    Line,
    Word,
    Letter,
    Receipt,
    ReceiptLine,
    ReceiptWord,
    ReceiptLetter,
    WordLabel,
    LabelDefinition,
    LabelCount,
    ReceiptLineItem,
    ReceiptSection,
    ReceiptMetadata,
    ReceiptValidation,
    Place,
    Job,
    JobStatusEntry,
    JobMetric,
    JobLog,
    JobCheckpoint,
    Instance,
    Queue,
    QueueJob,
    OcrJob,
    BatchSummary,
)

ENTITY_TYPES: dict[str, type[Entity]] = {kind.TYPE: kind for kind in ALL_ENTITIES}

__all__ = [
    "ALL_ENTITIES",
    "BatchSummary",
    "BoundingBox",
    "ENTITY_TYPES",
    "Entity",
    "Image",
    "Instance",
    "Job",
    "JobCheckpoint",
    "JobLog",
    "JobMetric",
    "JobStatusEntry",
    "LabelCount",
    "LabelDefinition",
    "Letter",
    "Line",
    "OcrJob",
    "Place",
    "Point",
    "Queue",
    "QueueJob",
    "Receipt",
    "ReceiptLetter",
    "ReceiptLine",
    "ReceiptLineItem",
    "ReceiptMetadata",
    "ReceiptSection",
    "ReceiptValidation",
    "ReceiptWord",
    "Word",
    "WordLabel",
]
