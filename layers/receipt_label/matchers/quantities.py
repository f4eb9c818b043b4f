"""How many, how much, and at what price for one."""

from __future__ import annotations

import re
from decimal import Decimal

from ..lexicons import lexicon
from ..locales import Locale
from ..text.normalise import key_form
from .base import Match, without_overlaps

_TIMES = re.compile(r"(?i)(?<![\w.,])(\d{1,3})\s*(?:x|@|\u00d7)(?=\s|\d|\$|$)")
_MEASURED = re.compile(r"(?i)(?<![\w.,$])(\d{1,3}(?:[.,]\d{1,3})?)\s*([a-z]{1,6})\b")
_LABELLED = re.compile(r"(?i)\b(?:qty|quantity|menge|anz)\b\.?:?\s*(\d{1,3})\b")


class QuantityMatcher:
    """Finds counts before a multiplication sign, and weights with their units."""

    name = "quantity"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All quantities of a line; the value is a pair of number and unit."""
        units = lexicon("units").canonical
        found = []
        for match in _TIMES.finditer(text):
            value = (Decimal(match.group(1)), "each")
            found.append(Match(self.name, match.start(), match.end(1), value, 0.92))
        for match in _LABELLED.finditer(text):
            value = (Decimal(match.group(1)), "each")
            found.append(Match(self.name, match.start(1), match.end(1), value, 0.95))
        for match in _MEASURED.finditer(text):
            unit = units.get(key_form(match.group(2)))
            if unit is not None:
                value = (Decimal(match.group(1).replace(",", ".")), unit)
                found.append(Match(self.name, match.start(), match.end(), value, 0.9))
        return without_overlaps(found)
