"""Calendar dates."""

from __future__ import annotations

import re
from datetime import date

from ..locales import Locale
from .base import Match, without_overlaps

_NUMERIC = re.compile(r"(?<![\d/.-])(\d{1,4})([/.-])(\d{1,2})\2(\d{2,4})(?![\d/.-])")
_NAMED = re.compile(r"(?i)\b(\d{1,2})[ .-]*([^\W\d_]{3,9})[.,]?[ -]*'?(\d{4}|\d{2})\b")
_NAME_FIRST = re.compile(r"(?i)\b([^\W\d_]{3,9})[. ]+(\d{1,2})(?:st|nd|rd|th)?,?[ ]+(\d{4})\b")


class DateMatcher:
    """Finds dates in digits and with names of months."""

    name = "date"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All dates of a line."""
        found = []
        for match in _NUMERIC.finditer(text):
            first, _, second, third = match.groups()
            day = _numeric(first, second, third, locale.day_first)
            if day is not None:
                score = 0.97 if max(len(first), len(third)) == 4 else 0.9
                found.append(Match(self.name, match.start(), match.end(), day, score))
        for match in _NAMED.finditer(text):
            self._named(match, match.group(1), match.group(2), match.group(3), locale, found)
        for match in _NAME_FIRST.finditer(text):
            self._named(match, match.group(2), match.group(1), match.group(3), locale, found)
        return without_overlaps(found)

    def _named(
        self,
        match: re.Match[str],
        day: str,
        month: str,
        year: str,
        locale: Locale,
        found: list[Match],
    ) -> None:
        number = locale.month_number(month)
        if number is None:
            return
        value = _valid(_full_year(year), number, int(day))
        if value is not None:
            found.append(Match(self.name, match.start(), match.end(), value, 0.96))


def _numeric(first: str, second: str, third: str, day_first: bool) -> date | None:
    if len(first) == 4:
        return _valid(int(first), int(second), int(third))
    if len(first) > 2 or len(third) == 3:
        return None
    year = _full_year(third)
    usual = (int(second), int(first)) if day_first else (int(first), int(second))
    return _valid(year, *usual) or _valid(year, *reversed(usual))


def _full_year(year: str) -> int:
    return int(year) if len(year) == 4 else 2000 + int(year)


def _valid(year: int, month: int, day: int) -> date | None:
    if not 1990 <= year <= 2099:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
