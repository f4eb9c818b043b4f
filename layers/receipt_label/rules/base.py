"""What a rule sees and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ..geometry.columns import Column, find_columns
from ..labels import LabelName
from ..locales import Locale
from ..matchers import Match, matches_in
from ..merchants import MerchantGuess
from ..model import Line, Receipt, Word


@dataclass(frozen=True)
class Proposal:
    """A rule's opinion that a word has a label."""

    word: Word
    label: LabelName
    score: float
    rule: str
    reason: str


@dataclass
class Surroundings:
    """A receipt with all that is known about it before the rules run."""

    receipt: Receipt
    locale: Locale
    merchant: MerchantGuess | None = None
    _matches: dict[int, list[Match]] = field(default_factory=dict, repr=False)
    _columns: list[Column] | None = field(default=None, repr=False)

    def matches(self, line: Line, kind: str | None = None) -> list[Match]:
        """What the matchers found in a line, of one kind or of all."""
        if line.line_id not in self._matches:
            self._matches[line.line_id] = matches_in(line.text, self.locale)
        found = self._matches[line.line_id]
        return found if kind is None else [match for match in found if match.kind == kind]

    def amounts(self) -> Iterator[tuple[Line, Word, Match]]:
        """All amounts of money, from top to bottom."""
        for line in self.receipt.lines:
            for match in self.matches(line, "money"):
                yield line, line.words_in(match.start, match.end)[-1], match

    def price_column(self) -> Column | None:
        """The column most amounts stand in, if they stand in one."""
        if self._columns is None:
            self._columns = find_columns([word.box for _, word, _ in self.amounts()])
        return self._columns[0] if self._columns else None

    def is_last_amount(self, line: Line, match: Match) -> bool:
        """Whether an amount is the rightmost of its line."""
        return self.matches(line, "money")[-1] == match


class Rule(Protocol):
    """Looks at a receipt and proposes labels."""

    name: str

    def propose(self, around: Surroundings) -> Iterable[Proposal]:
        """The rule's proposals, in any order; several for one word are allowed."""


def for_match(
    rule: str, line: Line, match: Match, label: LabelName, reason: str, factor: float = 1.0
) -> Iterator[Proposal]:
    """The same proposal for each word that a match touches."""
    for word in line.words_in(match.start, match.end):
        yield Proposal(word, label, min(match.score * factor, 1.0), rule, reason)
