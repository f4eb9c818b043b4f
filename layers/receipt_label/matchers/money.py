"""Amounts of money."""

from __future__ import annotations

import re

from ..locales import Locale
from ..text.numbers import has_cents, parse_amount
from .base import Match


class MoneyMatcher:
    """Finds amounts with cents, with or without a currency sign."""

    name = "money"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All amounts of a line."""
        found = []
        for token in re.finditer(r"\S+", text):
            amount = parse_amount(token.group(), locale.decimal_mark)
            if amount is None:
                continue
            signed = any(sign in token.group() for sign in locale.currency_signs)
            cents = has_cents(token.group(), locale.decimal_mark)
            if not (signed or cents):
                continue
            score = 0.98 if signed and cents else 0.9 if cents else 0.6
            found.append(Match(self.name, token.start(), token.end(), amount, score))
        return found
