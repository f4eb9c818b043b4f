"""The client that the rest of the program uses."""

from __future__ import annotations

from .batch_summary import BatchSummaryMixin
from .image import ImageMixin
from .instance import InstanceMixin
from .job import JobMixin
from .job_checkpoint import JobCheckpointMixin
from .job_log import JobLogMixin
from .job_metric import JobMetricMixin
from .job_status_entry import JobStatusEntryMixin
from .label_count import LabelCountMixin
from .label_definition import LabelDefinitionMixin
from .letter import LetterMixin
from .line import LineMixin
from .ocr_job import OcrJobMixin
from .place import PlaceMixin
from .queue import QueueMixin
from .queue_job import QueueJobMixin
from .receipt import ReceiptMixin
from .receipt_letter import ReceiptLetterMixin
from .receipt_line import ReceiptLineMixin
from .receipt_line_item import ReceiptLineItemMixin
from .receipt_metadata import ReceiptMetadataMixin
from .receipt_section import ReceiptSectionMixin
from .receipt_validation import ReceiptValidationMixin
from .receipt_word import ReceiptWordMixin
from .word import WordMixin
from .word_label import WordLabelMixin


class DynamoClient(
    ImageMixin,
    LineMixin,
    WordMixin,
    LetterMixin,
    ReceiptMixin,
    ReceiptLineMixin,
    ReceiptWordMixin,
    ReceiptLetterMixin,
    WordLabelMixin,
    LabelDefinitionMixin,
    LabelCountMixin,
    ReceiptLineItemMixin,
    ReceiptSectionMixin,
    ReceiptMetadataMixin,
    ReceiptValidationMixin,
    PlaceMixin,
    JobMixin,
    JobStatusEntryMixin,
    JobMetricMixin,
    JobLogMixin,
    JobCheckpointMixin,
    InstanceMixin,
    QueueMixin,
    QueueJobMixin,
    OcrJobMixin,
    BatchSummaryMixin,
):
    """Reads and writes every kind of record.

    Args:
        table_name: the table all records live in.
        service: ``boto3.client("dynamodb")``, or a table in memory.
        policy: how requests are retried.
    """
