"""Receipts, lines, words and labels, as the rules see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from .geometry.boxes import Box, union
from .labels import LabelName

#: Identifies a word on a receipt: its line and its place in the line.
WordKey = tuple[int, int]


@dataclass(frozen=True)
class Word:
    """One word and where it stands. Coordinates run from 0 to 1, from the lower left."""

    line_id: int
    word_id: int
    text: str
    box: Box
    confidence: float = 1.0

    @property
    def key(self) -> WordKey:
        """Line and word number."""
        return (self.line_id, self.word_id)


@dataclass(frozen=True)
class Line:
    """Words side by side, from left to right."""

    line_id: int
    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def box(self) -> Box:
        """The rectangle around all words."""
        return union([word.box for word in self.words])

    @cached_property
    def _offsets(self) -> list[tuple[int, int]]:
        offsets = []
        place = 0
        for word in self.words:
            offsets.append((place, place + len(word.text)))
            place += len(word.text) + 1
        return offsets

    def words_in(self, start: int, end: int) -> list[Word]:
        """The words that a range of :attr:`text` touches."""
        return [
            word
            for word, (first, last) in zip(self.words, self._offsets)
            if first < end and start < last
        ]


@dataclass(frozen=True)
class Receipt:
    """All lines of a receipt, from top to bottom."""

    image_id: str
    receipt_id: int
    lines: tuple[Line, ...]

    def words(self) -> Iterator[Word]:
        """All words in reading order."""
        for line in self.lines:
            yield from line.words

    @cached_property
    def by_key(self) -> dict[WordKey, Word]:
        """The words by line and word number."""
        return {word.key: word for word in self.words()}

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n".join(line.text for line in self.lines)

    def height_of(self, line: Line) -> float:
        """How far up a line stands: 1 for the first line, 0 for the last."""
        if len(self.lines) < 2:
            return 1.0
        return 1.0 - self.lines.index(line) / (len(self.lines) - 1)


@dataclass(frozen=True)
class Label:
    """A label of a word, and where it comes from."""

    line_id: int
    word_id: int
    name: LabelName
    score: float
    source: str
    reason: str = field(default="", compare=False)

    @property
    def key(self) -> WordKey:
        """Line and word number of the word."""
        return (self.line_id, self.word_id)
