"""Receipts in one DynamoDB table.

The package keeps every kind of record of the receipt pipeline in a single table: pictures,
the text recognised on them, the receipts cut out of them, and the jobs that do the work.

>>> from receipt_dynamo import DynamoClient
>>> from receipt_dynamo.memory import MemoryTable
>>> client = DynamoClient("receipts", MemoryTable("receipts"))
>>> client.list_receipts().items
[]

Only the standard library is needed. A ``boto3`` client is handed in by the caller; the
package calls its methods and never imports it.
"""

from .client import DynamoClient
from .exceptions import (
    BatchIncomplete,
    EntityExists,
    EntityNotFound,
    InvalidEntity,
    ReceiptDynamoError,
    TableUnavailable,
)
from .pagination import Page
from .version import __version__

__all__ = [
    "BatchIncomplete",
    "DynamoClient",
    "EntityExists",
    "EntityNotFound",
    "InvalidEntity",
    "Page",
    "ReceiptDynamoError",
    "TableUnavailable",
    "__version__",
]
