"""How it was paid."""

from __future__ import annotations

from collections.abc import Iterator

from ..labels import LabelName
from ..lexicons import lexicon
from ..text.normalise import key_form
from .base import Proposal, Surroundings, for_match


class PaymentRule:
    """Names of cards and other means of payment, and masked card numbers."""

    name = "payment"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose PAYMENT_METHOD, CARD_NUMBER and TENDERED."""
        for line in around.receipt.lines:
            for match in around.matches(line, "card"):
                yield from for_match(
                    self.name, line, match, LabelName.CARD_NUMBER, "a masked card number"
                )
            entry = lexicon("payment").find_in(line.text)
            if entry is None:
                continue
            forms = {part for form in entry.forms() for part in form.split()}
            height = around.receipt.height_of(line)
            score = 0.9 if height < 0.5 else 0.6
            for word in line.words:
                if key_form(word.text) in forms:
                    reason = f"names {entry.term}"
                    yield Proposal(
                        word, LabelName.PAYMENT_METHOD, score, self.name, reason
                    )
            if lexicon("totals").find_in(line.text) is None:
                for match in around.matches(line, "money")[-1:]:
                    reason = f"an amount paid by {entry.term}"
                    yield from for_match(
                        self.name, line, match, LabelName.TENDERED, reason, 0.85
                    )
