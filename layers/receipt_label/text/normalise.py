"""Canonical forms of text."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_NOT_KEY = re.compile(r"[^a-z0-9 ]+")

#: Letters that a recogniser puts where digits were.
_LOOKALIKES = {"O": "0", "o": "0", "l": "1", "I": "1", "|": "1", "S": "5", "B": "8", "Z": "2"}
_TO_DIGITS = str.maketrans(_LOOKALIKES)

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))


def fold(text: str) -> str:
    """Lower case without accents, dashes made plain, runs of space made one.

    >>> fold("  Cr\u00e8me   BR\u00dbL\u00c9E ")
    'creme brulee'
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_DASHES))
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _SPACES.sub(" ", bare).strip().lower()


def key_form(text: str) -> str:
    """The folded text with letters, digits and spaces only: what lexicons are searched by.

    >>> key_form("Total (incl. VAT):")
    'total incl vat'
    """
    return _SPACES.sub(" ", _NOT_KEY.sub(" ", fold(text))).strip()


def repair_digits(text: str) -> str:
    """Undo typical misreadings in a text that should be a number.

    The text is left alone if it has no digit, or a letter that no digit looks like.

    >>> repair_digits("1O.5O")
    '10.50'
    >>> repair_digits("SOLE")
    'SOLE'
    """
    has_digit = any(char.isdigit() for char in text)
    if not has_digit or any(char.isalpha() and char not in _LOOKALIKES for char in text):
        return text
    return text.translate(_TO_DIGITS)
