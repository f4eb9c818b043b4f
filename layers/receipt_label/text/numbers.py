"""Amounts of money as exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from .normalise import repair_digits

_SHAPE = re.compile(r"\(?-?\s*[^\d\s.,()-]{0,3}\s*(\d[\d.,]*)\s*[^\d\s.,()-]{0,3}\s*-?\)?")


def parse_amount(text: str, decimal_mark: str = ".") -> Decimal | None:
    """The amount a text stands for, or ``None``.

    A minus sign may stand before or after, or the amount may stand in brackets.

    >>> parse_amount("$1,234.50")
    Decimal('1234.50')
    >>> parse_amount("2,99-", decimal_mark=",")
    Decimal('-2.99')
    """
    repaired = repair_digits(text.strip())
    match = _SHAPE.fullmatch(repaired)
    if match is None:
        return None
    grouping = "," if decimal_mark == "." else "."
    digits = match.group(1).rstrip(".,").replace(grouping, "").replace(decimal_mark, ".")
    try:
        amount = Decimal(digits)
    except InvalidOperation:
        return None
    negative = "-" in repaired or (repaired.startswith("(") and repaired.endswith(")"))
    return -amount if negative else amount


def has_cents(text: str, decimal_mark: str = ".") -> bool:
    """Whether a text ends in two decimals, as prices do.

    >>> has_cents("4.20"), has_cents("420")
    (True, False)
    """
    return re.search(rf"\d{re.escape(decimal_mark)}\d\d\D*$", repair_digits(text)) is not None
