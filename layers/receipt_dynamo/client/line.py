"""The client's methods for lines."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.line import Line
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class LineMixin(ClientBase):
    """Reads and writes lines."""

    def add_line(self, line: Line) -> None:
        """Add a line.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(line)

    def put_lines(self, lines: Iterable[Line]) -> int:
        """Write lines in batches, over those that are there; returns how many."""
        return self._put_all(lines)

    def update_line(self, line: Line) -> None:
        """Replace a line.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(line)

    def get_line(self, image_id: str, line_id: int) -> Line:
        """Read one line.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Line, Line.key_of(image_id, line_id))

    def get_lines_by_keys(self, keys: Iterable[tuple[str, int]]) -> list[Line]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Line, (Line.key_of(*key) for key in keys))

    def delete_line(self, image_id: str, line_id: int) -> None:
        """Delete one line.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Line, Line.key_of(image_id, line_id))

    def delete_lines(self, lines: Iterable[Line]) -> int:
        """Delete lines in batches; returns how many were asked for."""
        return self._delete_all(line.key for line in lines)

    def list_lines(self, limit: int | None = None, cursor: str | None = None) -> Page[Line]:
        """All lines, a page at a time."""
        return self._list(Line, limit, cursor)

    def list_lines_of_image(
        self, image_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[Line]:
        """The lines of one image, in order."""
        pk = compose("IMAGE", image_id)
        prefix = "LINE#"
        return self._list_below(Line, pk, prefix, limit, cursor)
