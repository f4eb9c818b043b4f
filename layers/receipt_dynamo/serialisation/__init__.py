"""Between Python values and DynamoDB attribute values."""

from . import attributes
from .plain import from_plain, to_plain

__all__ = ["attributes", "from_plain", "to_plain"]
