"""Addresses on the net."""

from __future__ import annotations

import re

from ..locales import Locale
from .base import Match

_EMAIL = re.compile(r"(?i)\b[\w.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b")
_SITE = re.compile(
    r"(?i)(?<![@\w])(?:https?://)?(?:www\.)?[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*"
    r"\.(?:com|org|net|co\.uk|us|ca|de|shop|example|info|biz)(?:/\S*)?(?![\w@])"
)


class EmailMatcher:
    """Finds electronic mail addresses."""

    name = "email"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All mail addresses of a line."""
        return [
            Match(self.name, m.start(), m.end(), m.group().lower(), 0.98)
            for m in _EMAIL.finditer(text)
        ]


class SiteMatcher:
    """Finds web sites by their usual endings."""

    name = "site"

    def find(self, text: str, locale: Locale) -> list[Match]:
        """All sites of a line, mail addresses left out."""
        mails = [m.span() for m in _EMAIL.finditer(text)]
        return [
            Match(self.name, m.start(), m.end(), m.group().lower(), 0.93)
            for m in _SITE.finditer(text)
            if not any(start < m.end() and m.start() < end for start, end in mails)
        ]
