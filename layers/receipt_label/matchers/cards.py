"""Card numbers, of which a receipt shows the last digits only."""

from __future__ import annotations

import re

from ..locales import Locale
from .base import Match

_MASKED = re.compile(r"(?i)(?:[x*#\u2022.]{2,}[ -]?){1,4}(\d{4})\b")
_WORDS = re.compile(r"(?i)\b(?:card|acct|account|ending(?: in)?|karte)\b\D{0,8}(\d{4})\b")


class CardMatcher:
    """Finds masked card numbers; the value is the last four digits."""

    name = "card"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All card numbers of a line."""
        found = [
            Match(self.name, match.start(), match.end(), match.group(1), 0.96)
            for match in _MASKED.finditer(text)
        ]
        for match in _WORDS.finditer(text):
            start, end = match.span(1)
            if not any(start < other.end and other.start < end for other in found):
                found.append(Match(self.name, start, end, match.group(1), 0.8))
        return sorted(found, key=lambda match: match.start)
