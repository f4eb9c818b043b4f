"""A table in memory with the part of DynamoDB that the package uses."""

from .faults import FlakyTable
from .table import ServiceError, MemoryTable

__all__ = ["FlakyTable", "ServiceError", "MemoryTable"]
