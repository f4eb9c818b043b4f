"""The client's methods for places."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, SearchType
from ..entities.place import Place
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class PlaceMixin(ClientBase):
    """Reads and writes places."""

    def add_place(self, place: Place) -> None:
        """Add a place.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(place)

    def put_places(self, places: Iterable[Place]) -> int:
        """Write places in batches, over those that are there; returns how many."""
        return self._put_all(places)

    def update_place(self, place: Place) -> None:
        """Replace a place.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(place)

    def get_place(self, search_type: SearchType, search_value: str) -> Place:
        """Read one place.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Place, Place.key_of(search_type, search_value))

    def get_places_by_keys(self, keys: Iterable[tuple[SearchType, str]]) -> list[Place]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Place, (Place.key_of(*key) for key in keys))

    def delete_place(self, search_type: SearchType, search_value: str) -> None:
        """Delete one place.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Place, Place.key_of(search_type, search_value))

    def delete_places(self, places: Iterable[Place]) -> int:
        """Delete places in batches; returns how many were asked for."""
        return self._delete_all(place.key for place in places)

    def list_places(self, limit: int | None = None, cursor: str | None = None) -> Page[Place]:
        """All places, a page at a time."""
        return self._list(Place, limit, cursor)

    def list_places_of_search_type(
        self, search_type: SearchType, limit: int | None = None, cursor: str | None = None
    ) -> Page[Place]:
        """The places of one search type, in order."""
        pk = compose("PLACES", search_type.value)
        prefix = "VALUE#"
        return self._list_below(Place, pk, prefix, limit, cursor)

    def list_places_by_place_id(
        self, place_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[Place]:
        """Places with one id in the directory."""
        partition = compose("PLACE_ID", place_id)
        return self._list_index(Place, Index.GSI1, partition, limit, cursor)
