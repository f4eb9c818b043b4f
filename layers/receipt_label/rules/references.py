"""Numbers that name a shop, a sale or a member, and who served."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..labels import LabelName
from ..model import Line
from .base import Proposal, Surroundings, for_match

_KINDS = {
    "store": LabelName.STORE_NUMBER,
    "transaction": LabelName.TRANSACTION_ID,
    "member": LabelName.LOYALTY_ID,
}

_CASHIER = re.compile(
    r"(?i)\b(?:cashier|server|served by|clerk|associate|kassierer(?:in)?)\b[:\s#]*([\w.'-]+)"
)


class ReferencesRule:
    """Uses the general patterns, and those of the shop where the shop is known."""

    name = "references"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose labels of references."""
        for line in around.receipt.lines:
            for match in around.matches(line, "reference"):
                kind, number = match.value
                reason = f"a {kind} number"
                yield from for_match(self.name, line, match, _KINDS[kind], reason)
            yield from self._cashier(line)
            if around.merchant is not None:
                yield from self._of_merchant(around, line)

    def _cashier(self, line: Line) -> Iterator[Proposal]:
        for match in _CASHIER.finditer(line.text):
            for word in line.words_in(*match.span(1)):
                reason = "stands behind a word for the cashier"
                yield Proposal(word, LabelName.CASHIER, 0.85, self.name, reason)

    def _of_merchant(self, around: Surroundings, line: Line) -> Iterator[Proposal]:
        assert around.merchant is not None
        for reference in around.merchant.merchant.references:
            for match in reference.pattern.finditer(line.text):
                for word in line.words_in(*match.span(1)):
                    reason = f"a pattern of {around.merchant.merchant.name}"
                    score = reference.score * around.merchant.score
                    yield Proposal(word, reference.label, score, self.name, reason)
