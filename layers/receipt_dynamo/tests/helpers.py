"""What several tests need."""

from __future__ import annotations

from receipt_dynamo import DynamoClient
from receipt_dynamo.entities import ReceiptWord
from receipt_dynamo.entities.geometry import BoundingBox, Point
from receipt_dynamo.memory import MemoryTable
from receipt_dynamo.retry import RetryPolicy

IMAGE_ID = "3f52804b-2fad-4e00-92c8-b593da3a8ed3"

#: Retries as in production, without the waiting.
IMPATIENT = RetryPolicy(attempts=4, sleep=lambda seconds: None)


def new_client(page_size: int = 500) -> DynamoClient:
    """A client of an empty table in memory."""
    return DynamoClient("receipts", MemoryTable("receipts", page_size), IMPATIENT)


def word(line_id: int, word_id: int, text: str = "MILK", receipt_id: int = 1) -> ReceiptWord:
    """A word of the example receipt."""
    x, y = 0.1 * word_id, 1.0 - 0.05 * line_id
    return ReceiptWord(
        image_id=IMAGE_ID,
        receipt_id=receipt_id,
        line_id=line_id,
        word_id=word_id,
        text=text,
        bounding_box=BoundingBox(x, y, 0.08, 0.03),
        top_left=Point(x, y + 0.03),
        top_right=Point(x + 0.08, y + 0.03),
        bottom_left=Point(x, y),
        bottom_right=Point(x + 0.08, y),
        angle_degrees=0.0,
        confidence=0.9,
        is_noise=False,
    )
