"""The client's methods for words."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.word import Word
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class WordMixin(ClientBase):
    """Reads and writes words."""

    def add_word(self, word: Word) -> None:
        """Add a word.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(word)

    def put_words(self, words: Iterable[Word]) -> int:
        """Write words in batches, over those that are there; returns how many."""
        return self._put_all(words)

    def update_word(self, word: Word) -> None:
        """Replace a word.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(word)

    def get_word(self, image_id: str, line_id: int, word_id: int) -> Word:
        """Read one word.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Word, Word.key_of(image_id, line_id, word_id))

    def get_words_by_keys(self, keys: Iterable[tuple[str, int, int]]) -> list[Word]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Word, (Word.key_of(*key) for key in keys))

    def delete_word(self, image_id: str, line_id: int, word_id: int) -> None:
        """Delete one word.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Word, Word.key_of(image_id, line_id, word_id))

    def delete_words(self, words: Iterable[Word]) -> int:
        """Delete words in batches; returns how many were asked for."""
        return self._delete_all(word.key for word in words)

    def list_words(self, limit: int | None = None, cursor: str | None = None) -> Page[Word]:
        """All words, a page at a time."""
        return self._list(Word, limit, cursor)

    def list_words_of_image(
        self, image_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[Word]:
        """The words of one image, in order."""
        pk = compose("IMAGE", image_id)
        prefix = "LINE#"
        return self._list_below(Word, pk, prefix, limit, cursor)

    def list_words_of_line(
        self, image_id: str, line_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[Word]:
        """The words of one line, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("LINE", line_id, "WORD", "")
        return self._list_below(Word, pk, prefix, limit, cursor)
