"""Numbers that name a shop, a till, a sale or a member."""

from __future__ import annotations

import re

from ..locales import Locale
from .base import Match

_PATTERNS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    (
        "store",
        re.compile(
            r"(?i)\b(?:store|shop|branch|str|filiale)\s*(?:no|nr|#)?[.:#]*\s*(\d{1,6})\b"
        ),
        0.9,
    ),
    (
        "transaction",
        re.compile(
            r"(?i)\b(?:trans(?:action)?|trn|trx|txn|invoice|inv|order|receipt|ticket|bon|ref)"
            r"\s*(?:no|nr|id|#)?[.:#]*\s*([a-z]{0,3}\d[\w-]{2,20})\b"
        ),
        0.88,
    ),
    (
        "member",
        re.compile(
            r"(?i)\b(?:member|loyalty|rewards?|club)\s*(?:no|id|card|#)?[.:#]*\s*([\dx*]{5,19})"
        ),
        0.9,
    ),
)


class ReferenceMatcher:
    """Finds the numbers after words such as "store" or "invoice"."""

    name = "reference"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All references of a line; the value is a pair of kind and number."""
        found = []
        for kind, pattern, score in _PATTERNS:
            for match in pattern.finditer(text):
                start, end = match.span(1)
                found.append(Match(self.name, start, end, (kind, match.group(1)), score))
        return sorted(found, key=lambda match: match.start)
