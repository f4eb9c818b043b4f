"""Telephone numbers."""

from __future__ import annotations

import re

from ..locales import Locale
from .base import Match

_CANDIDATE = re.compile(r"(?<![\w.$])(?:\+|\()?\d(?:[\d\s().\-\u2013]{5,18})\d(?![\w.])")
_WORDS = re.compile(r"(?i)\b(?:tel|phone|ph|call|fon|telefon)\b\.?:?\s*$")


class PhoneMatcher:
    """Finds telephone numbers by their count of digits and their punctuation."""

    name = "phone"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All telephone numbers of a line; the value is in international form."""
        found = []
        for match in _CANDIDATE.finditer(text):
            written = match.group()
            digits = re.sub(r"\D", "", written)
            number = locale.international(digits, written.startswith("+"))
            if number is None:
                continue
            score = 0.55
            if re.search(r"\(\d{3,5}\)|\d[-.]\d{3}[-.]\d|\+", written):
                score = 0.93
            elif " " in written:
                score = 0.7
            if _WORDS.search(text[: match.start()]):
                score = min(score + 0.3, 0.99)
            found.append(Match(self.name, match.start(), match.end(), number, score))
        return found
