"""What all entities have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar

from ..constants import TYPE_ATTRIBUTE
from ..exceptions import InvalidEntity, InvalidItem
from ..keys import Key
from ..serialisation import attributes as av
from ..serialisation.attributes import Item


class Entity(ABC):
    """A record of the table.

    A subclass is a frozen dataclass. It checks its fields when it is made, so an entity that
    exists is valid.
    """

    TYPE: ClassVar[str]

    @property
    @abstractmethod
    def key(self) -> Key:
        """The primary key."""

    @abstractmethod
    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""

    @classmethod
    @abstractmethod
    def from_item(cls, item: Item) -> Entity:
        """The record of an item."""

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {}

    def base_item(self) -> Item:
        """The primary key, the index keys and the type: what every item begins with."""
        item: Item = dict(self.key.to_item())
        for name, value in self.index_keys().items():
            item[name] = av.text(value)
        item[TYPE_ATTRIBUTE] = av.text(self.TYPE)
        return item

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary, for logs and comparisons."""
        return asdict(self)  # type: ignore[call-overload]


@contextmanager
def reading(kind: type[Entity], item: Item) -> Iterator[None]:
    """Say which kind of record an item failed to become."""
    given = item.get(TYPE_ATTRIBUTE, {}).get("S")
    if given != kind.TYPE:
        raise InvalidItem(f"expected an item of type {kind.TYPE}, not {given}")
    try:
        yield
    except InvalidItem as error:
        raise InvalidItem(f"{kind.TYPE}: {error}") from error
    except InvalidEntity as error:
        raise InvalidItem(f"{kind.TYPE}: {error}") from error
