"""What was bought: name, quantity, price of one, price of all."""

from __future__ import annotations

from collections.abc import Iterator

from ..geometry.columns import in_column
from ..labels import LabelName
from ..lexicons import lexicon, product_lexicon
from ..model import Line, Word
from ..text.normalise import key_form
from .base import Proposal, Surroundings


class ItemsRule:
    """Takes lines that end in an amount and announce no sum, between header and total."""

    name = "items"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose the labels of things bought."""
        for line in self._item_lines(around):
            yield from self._line(around, line)

    @staticmethod
    def _item_lines(around: Surroundings) -> Iterator[Line]:
        totals = lexicon("totals")
        for line in around.receipt.lines:
            if not around.matches(line, "money"):
                continue
            entry = totals.find_in(line.text)
            if entry is not None and entry.category in {"subtotal", "total"}:
                return
            if entry is None and lexicon("payment").find_in(line.text) is None:
                yield line

    def _line(self, around: Surroundings, line: Line) -> Iterator[Proposal]:
        money = around.matches(line, "money")
        column = around.price_column()
        last = line.words_in(money[-1].start, money[-1].end)[-1]
        score = 0.8 if column is not None and in_column(last.box, column) else 0.65
        label = LabelName.DISCOUNT if money[-1].value < 0 else LabelName.LINE_TOTAL
        reason = "the last amount of an item's line"
        yield Proposal(last, label, score * money[-1].score, self.name, reason)
        for match in money[:-1]:
            word = line.words_in(match.start, match.end)[-1]
            reason = "an amount before the last one"
            yield Proposal(word, LabelName.UNIT_PRICE, 0.75, self.name, reason)
        taken = {word.key for m in money for word in line.words_in(m.start, m.end)}
        for match in around.matches(line, "quantity"):
            for word in line.words_in(match.start, match.end):
                if word.key not in taken:
                    taken.add(word.key)
                    reason = f"reads as a quantity of {match.value[0]} {match.value[1]}"
                    yield Proposal(
                        word, LabelName.QUANTITY, match.score * 0.9, self.name, reason
                    )
        yield from self._names(around, [word for word in line.words if word.key not in taken])

    def _names(self, around: Surroundings, words: list[Word]) -> Iterator[Proposal]:
        products = product_lexicon()
        text = " ".join(word.text for word in words)
        entry = products.find_in(text)
        sold = around.merchant.merchant.product_categories if around.merchant else frozenset()
        for word in words:
            letters = sum(char.isalpha() for char in word.text)
            if letters < 2 or not key_form(word.text):
                continue
            score = 0.55
            reason = "stands in an item's line"
            if entry is not None:
                score = 0.85 if entry.category in sold else 0.75
                reason = f"the line names {entry.term} ({entry.category})"
            yield Proposal(word, LabelName.PRODUCT_NAME, score, self.name, reason)
