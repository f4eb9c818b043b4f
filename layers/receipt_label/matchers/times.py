"""Times of day."""

from __future__ import annotations

import re
from datetime import time

from ..locales import Locale
from .base import Match

_TIME = re.compile(
    r"(?i)(?<![\d:.])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([ap])\.?m?\b\.?)?(?![\d:])"
)


class TimeMatcher:
    """Finds times with a colon, with seconds and AM or PM where they are."""

    name = "time"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All times of a line."""
        found = []
        for match in _TIME.finditer(text):
            hour, minute = int(match.group(1)), int(match.group(2))
            second = int(match.group(3) or 0)
            half = (match.group(4) or "").lower()
            if half and not 1 <= hour <= 12:
                continue
            if half:
                hour = hour % 12 + (12 if half == "p" else 0)
            if hour > 23 or minute > 59 or second > 59:
                continue
            score = 0.97 if half or match.group(3) else 0.88
            value = time(hour, minute, second)
            found.append(Match(self.name, match.start(), match.end(), value, score))
        return found
