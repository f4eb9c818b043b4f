"""The shop's name, mostly in the first lines."""

from __future__ import annotations

from collections.abc import Iterator

from ..labels import LabelName
from ..text.normalise import key_form
from .base import Proposal, Surroundings


class MerchantNameRule:
    """Trusts a known shop's name; otherwise takes the first line that looks like a name."""

    name = "merchant_name"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose MERCHANT_NAME."""
        guess = around.merchant
        if guess is not None and guess.name_line is not None:
            known = {part for name in guess.merchant.names() for part in key_form(name).split()}
            for word in guess.name_line.words:
                parts = key_form(word.text).split()
                exact = bool(parts) and all(part in known for part in parts)
                score = guess.score if exact else guess.score * 0.7
                reason = f"the shop is {guess.merchant.name}"
                yield Proposal(word, LabelName.MERCHANT_NAME, score, self.name, reason)
            return
        for place, line in enumerate(around.receipt.lines[:3]):
            if around.matches(line) or not any(char.isalpha() for char in line.text):
                continue
            score = 0.6 - 0.1 * place
            for word in line.words:
                reason = "one of the first lines, without numbers"
                yield Proposal(word, LabelName.MERCHANT_NAME, score, self.name, reason)
            return
