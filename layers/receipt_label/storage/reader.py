"""Receipts from the table."""

from __future__ import annotations

from receipt_dynamo import DynamoClient

from ..model import Receipt
from .convert import to_receipt


def read_receipt(client: DynamoClient, image_id: str, receipt_id: int) -> Receipt:
    """A receipt with all its words.

    Raises:
        EntityNotFound: there is no such receipt.
    """
    client.get_receipt(image_id, receipt_id)
    words = client.list_receipt_words_of_receipt(image_id, receipt_id)
    return to_receipt(image_id, receipt_id, words)
