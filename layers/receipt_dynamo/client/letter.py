"""The client's methods for letters."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.letter import Letter
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class LetterMixin(ClientBase):
    """Reads and writes letters."""

    def add_letter(self, letter: Letter) -> None:
        """Add a letter.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(letter)

    def put_letters(self, letters: Iterable[Letter]) -> int:
        """Write letters in batches, over those that are there; returns how many."""
        return self._put_all(letters)

    def update_letter(self, letter: Letter) -> None:
        """Replace a letter.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(letter)

    def get_letter(self, image_id: str, line_id: int, word_id: int, letter_id: int) -> Letter:
        """Read one letter.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Letter, Letter.key_of(image_id, line_id, word_id, letter_id))

    def get_letters_by_keys(self, keys: Iterable[tuple[str, int, int, int]]) -> list[Letter]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Letter, (Letter.key_of(*key) for key in keys))

    def delete_letter(self, image_id: str, line_id: int, word_id: int, letter_id: int) -> None:
        """Delete one letter.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Letter, Letter.key_of(image_id, line_id, word_id, letter_id))

    def delete_letters(self, letters: Iterable[Letter]) -> int:
        """Delete letters in batches; returns how many were asked for."""
        return self._delete_all(letter.key for letter in letters)

    def list_letters(self, limit: int | None = None, cursor: str | None = None) -> Page[Letter]:
        """All letters, a page at a time."""
        return self._list(Letter, limit, cursor)

    def list_letters_of_word(
        self,
        image_id: str,
        line_id: int,
        word_id: int,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Letter]:
        """The letters of one word, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("LINE", line_id, "WORD", word_id, "LETTER", "")
        return self._list_below(Letter, pk, prefix, limit, cursor)
