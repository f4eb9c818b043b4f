"""A shop as the places directory describes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from ..constants import SearchType
from ..keys import Key, KeyParts, compose
from ..serialisation import attributes as av
from ..serialisation.attributes import Item
from . import checks
from .base import Entity, reading


@dataclass(frozen=True, kw_only=True)
class Place(Entity):
    """A shop as the places directory describes it.

    Keys::

        PK = PLACES#<search_type>
        SK = VALUE#<search_value>
        GSI1PK = PLACE_ID#<place_id>
        GSI1SK = FETCHED#<fetched_at>

    Attributes:
        search_type: what it was looked up by.
        search_value: the value it was looked up by, normalised.
        place_id: its id in the directory.
        name: its name.
        types: what kind of place it is.
        query_count: how often this answer was used.
        fetched_at: when the directory was asked.
        formatted_address: its address; may be missing.
        phone_number: its telephone number; may be missing.
        website: its site; may be missing.
    """

    TYPE: ClassVar[str] = "PLACE"

    search_type: SearchType
    search_value: str
    place_id: str
    name: str
    types: list[str]
    query_count: int
    fetched_at: datetime
    formatted_address: str | None = None
    phone_number: str | None = None
    website: str | None = None

    def __post_init__(self) -> None:
        checks.choice("search_type", self.search_type, SearchType)
        checks.key_text("search_value", self.search_value)
        checks.key_text("place_id", self.place_id)
        checks.text("name", self.name)
        checks.strings("types", self.types)
        checks.count("query_count", self.query_count)
        checks.moment("fetched_at", self.fetched_at)
        if self.formatted_address is not None:
            checks.text("formatted_address", self.formatted_address)
        if self.phone_number is not None:
            checks.text("phone_number", self.phone_number)
        if self.website is not None:
            checks.text("website", self.website)

    @classmethod
    def key_of(cls, search_type: SearchType, search_value: str) -> Key:
        """The primary key of a place."""
        return Key(compose("PLACES", search_type.value), compose("VALUE", search_value))

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.key_of(self.search_type, self.search_value)

    def index_keys(self) -> dict[str, str]:
        """The keys under which secondary indexes find the record."""
        return {
            "GSI1PK": compose("PLACE_ID", self.place_id),
            "GSI1SK": compose("FETCHED", self.fetched_at.isoformat()),
        }

    def to_item(self) -> Item:
        """The record as DynamoDB attribute values."""
        item = self.base_item()
        item["place_id"] = av.text(self.place_id)
        item["name"] = av.text(self.name)
        item["types"] = av.strings(self.types)
        item["query_count"] = av.number(self.query_count)
        item["fetched_at"] = av.timestamp(self.fetched_at)
        item["formatted_address"] = av.optional(av.text, self.formatted_address)
        item["phone_number"] = av.optional(av.text, self.phone_number)
        item["website"] = av.optional(av.text, self.website)
        return item

    @classmethod
    def from_item(cls, item: Item) -> Place:
        """The record of an item.

        Raises:
            InvalidItem: the item is of another type, or broken.
        """
        with reading(cls, item):
            parts = KeyParts(item)
            return cls(
                search_type=SearchType(parts.text("PLACES")),
                search_value=parts.text("VALUE"),
                place_id=av.read_text(item, "place_id"),
                name=av.read_text(item, "name"),
                types=av.read_strings(item, "types"),
                query_count=av.read_int(item, "query_count"),
                fetched_at=av.read_timestamp(item, "fetched_at"),
                formatted_address=av.read_optional(av.read_text, item, "formatted_address"),
                phone_number=av.read_optional(av.read_text, item, "phone_number"),
                website=av.read_optional(av.read_text, item, "website"),
            )

    def used_again(self) -> Place:
        """The same place with one more use."""
        return replace(self, query_count=self.query_count + 1)

    def is_stale(self, now: datetime, max_age_days: int = 30) -> bool:
        """Whether the directory should be asked again."""
        return (now - self.fetched_at).days >= max_age_days
