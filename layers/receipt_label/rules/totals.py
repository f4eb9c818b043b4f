"""Sums: subtotal, tax, tip, total, what was paid and what came back."""

from __future__ import annotations

from collections.abc import Iterator

from ..geometry.columns import in_column
from ..labels import LabelName
from ..lexicons import lexicon
from ..model import Line
from ..text.normalise import key_form
from .base import Proposal, Surroundings

_BY_CATEGORY = {
    "subtotal": LabelName.SUBTOTAL,
    "total": LabelName.GRAND_TOTAL,
    "tax": LabelName.TAX,
    "tip": LabelName.TIP,
    "discount": LabelName.DISCOUNT,
    "tendered": LabelName.TENDERED,
    "change": LabelName.CHANGE,
}


class TotalsRule:
    """Reads the words before an amount; a lexicon says which sum they announce."""

    name = "totals"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose the labels of sums."""
        column = around.price_column()
        for line, word, match in around.amounts():
            if not around.is_last_amount(line, match):
                continue
            label, words = self._announced(around, line, match.start)
            if label is None:
                continue
            score = 0.9 * match.score + 0.05
            if column is not None and in_column(word.box, column):
                score += 0.04
            if label is LabelName.GRAND_TOTAL and around.receipt.height_of(line) > 0.8:
                score -= 0.15
            reason = f"stands behind {words!r}"
            yield Proposal(word, label, min(score, 1.0), self.name, reason)

    @staticmethod
    def _announced(
        around: Surroundings, line: Line, end: int
    ) -> tuple[LabelName | None, str]:
        before = line.text[:end]
        if around.merchant is not None:
            for words in around.merchant.merchant.total_words:
                if key_form(before) == key_form(words):
                    return LabelName.GRAND_TOTAL, words
        entry = lexicon("totals").find_in(before)
        if entry is None:
            return None, ""
        return _BY_CATEGORY.get(entry.category), entry.term
