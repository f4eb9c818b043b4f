"""Composite keys: ``TAG#value#TAG#value``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .constants import ID_WIDTH, PARTITION_KEY, SORT_KEY
from .exceptions import InvalidItem

SEPARATOR = "#"


@dataclass(frozen=True, order=True)
class Key:
    """The primary key of a record."""

    pk: str
    sk: str

    def to_item(self) -> dict[str, dict[str, str]]:
        """The key as DynamoDB attribute values."""
        return {PARTITION_KEY: {"S": self.pk}, SORT_KEY: {"S": self.sk}}

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> Key:
        """The key of an item."""
        try:
            return cls(item[PARTITION_KEY]["S"], item[SORT_KEY]["S"])
        except (KeyError, TypeError) as error:
            raise InvalidItem(f"an item without a primary key: {error}") from error

    def __str__(self) -> str:
        return f"{self.pk} / {self.sk}"


def padded(number: int) -> str:
    """A number as it stands in a key, so that text order is numeric order."""
    return f"{number:0{ID_WIDTH}d}"


def compose(*parts: str | int) -> str:
    """Join tags and values; numbers are padded.

    >>> compose("RECEIPT", 7, "LINE", 12)
    'RECEIPT#00007#LINE#00012'
    """
    return SEPARATOR.join(padded(part) if isinstance(part, int) else part for part in parts)


class KeyParts:
    """The values inside an item's primary key, by their tags."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.key = Key.from_item(item)
        self._values: dict[str, str] = {}
        for half in (self.key.pk, self.key.sk):
            pieces = half.split(SEPARATOR)
            self._values.update(zip(pieces[::2], pieces[1::2]))

    def text(self, tag: str) -> str:
        """The value that follows ``tag``."""
        try:
            return self._values[tag]
        except KeyError:
            raise InvalidItem(f"the key {self.key} has no part {tag}") from None

    def number(self, tag: str) -> int:
        """The value that follows ``tag``, as a number."""
        value = self.text(tag)
        if not value.isdigit():
            raise InvalidItem(f"{tag} in the key {self.key} is not a number")
        return int(value)
