"""The client's methods for label definitions."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.label_definition import LabelDefinition
from ..pagination import Page
from .base import ClientBase


class LabelDefinitionMixin(ClientBase):
    """Reads and writes label definitions."""

    def add_label_definition(self, label_definition: LabelDefinition) -> None:
        """Add a label definition.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(label_definition)

    def put_label_definitions(self, label_definitions: Iterable[LabelDefinition]) -> int:
        """Write label definitions in batches, over those that are there; returns how many."""
        return self._put_all(label_definitions)

    def update_label_definition(self, label_definition: LabelDefinition) -> None:
        """Replace a label definition.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(label_definition)

    def get_label_definition(self, label: str) -> LabelDefinition:
        """Read one label definition.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(LabelDefinition, LabelDefinition.key_of(label))

    def get_label_definitions_by_keys(self, keys: Iterable[tuple[str]]) -> list[LabelDefinition]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(LabelDefinition, (LabelDefinition.key_of(*key) for key in keys))

    def delete_label_definition(self, label: str) -> None:
        """Delete one label definition.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(LabelDefinition, LabelDefinition.key_of(label))

    def delete_label_definitions(self, label_definitions: Iterable[LabelDefinition]) -> int:
        """Delete label definitions in batches; returns how many were asked for."""
        return self._delete_all(label_definition.key for label_definition in label_definitions)

    def list_label_definitions(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[LabelDefinition]:
        """All label definitions, a page at a time."""
        return self._list(LabelDefinition, limit, cursor)
