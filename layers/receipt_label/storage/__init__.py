"""Reading receipts from the table and writing labels to it."""

from .reader import read_receipt
from .writer import write_result

__all__ = ["read_receipt", "write_result"]
