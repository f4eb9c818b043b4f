"""Street addresses, and the lines with city, state and postal code."""

from __future__ import annotations

import re

from ..lexicons import lexicon
from ..locales import Locale
from ..text.normalise import key_form
from .base import Match, without_overlaps

_STREET = re.compile(r"(?i)(?<![\w#.,:/-])\d{1,6}[a-z]?((?:\s+[a-z][\w.'-]*){1,5})")
_BOX = re.compile(r"(?i)\bp\.?\s?o\.?\s+box\s+\d+\b")


class AddressMatcher:
    """Finds house number, street name and street suffix; and postal codes after a region."""

    name = "address"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All pieces of an address in a line."""
        suffixes = lexicon("address").terms_of("street_suffix")
        found = []
        for match in _STREET.finditer(text):
            words = list(re.finditer(r"\S+", match.group(1)))
            ends = [place for place, word in enumerate(words) if key_form(word[0]) in suffixes]
            if ends:
                end = match.start(1) + words[ends[-1]].end()
                value = " ".join(text[match.start() : end].split())
                score = 0.9 if ends[-1] > 0 else 0.6
                found.append(Match(self.name, match.start(), end, value, score))
        for match in _BOX.finditer(text):
            found.append(Match(self.name, match.start(), match.end(), match.group(), 0.9))
        for match in re.finditer(locale.postal_code, text, re.IGNORECASE):
            start = self._region_start(text, match.start(), locale)
            if start is not None:
                value = text[start : match.end()].strip()
                found.append(Match(self.name, start, match.end(), value, 0.92))
        return without_overlaps(found)

    @staticmethod
    def _region_start(text: str, end: int, locale: Locale) -> int | None:
        """Where the city begins, if a region stands right before the postal code."""
        before = text[:end].rstrip(" ,")
        words = before.split()
        if not words:
            return None
        if locale.regions and key_form(words[-1]).upper() not in locale.regions:
            return None
        return len(text) - len(text.lstrip())
