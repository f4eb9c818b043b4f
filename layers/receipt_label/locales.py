"""What differs between countries: marks, dates, telephone numbers, postal codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .data_files import field, names_in, read_json
from .errors import DataFileError, UnknownLocale
from .text.normalise import fold


@dataclass(frozen=True)
class Locale:
    """The customs of a country.

    Attributes:
        name: such as ``en_US``.
        decimal_mark: what stands before the cents.
        currency: the currency's code.
        currency_signs: how amounts are marked.
        day_first: whether 03/04 is the third of April.
        months: names of months, folded, to their numbers.
        postal_code: a regular expression.
        regions: codes that stand before a postal code; empty if none does.
        country_code: the telephone prefix of the country.
        phone_lengths: how many digits a national number has.
        trunk_prefix: the digits before a national number, dropped abroad.
    """

    name: str
    decimal_mark: str
    currency: str
    currency_signs: tuple[str, ...]
    day_first: bool
    months: Mapping[str, int]
    postal_code: str
    regions: frozenset[str]
    country_code: str
    phone_lengths: tuple[int, ...]
    trunk_prefix: str

    def month_number(self, name: str) -> int | None:
        """The number of a month by its name or the beginning of its name."""
        folded = fold(name).rstrip(".")
        if len(folded) < 3:
            return None
        for month, number in self.months.items():
            if month.startswith(folded):
                return number
        return None

    def international(self, digits: str, with_plus: bool) -> str | None:
        """A telephone number's digits in international form, if they are one."""
        national = digits
        if digits.startswith(self.country_code) and (
            with_plus or len(digits) - len(self.country_code) in self.phone_lengths
        ):
            national = digits[len(self.country_code) :]
        elif with_plus:
            return f"+{digits}" if 8 <= len(digits) <= 15 else None
        elif self.trunk_prefix and digits.startswith(self.trunk_prefix):
            national = digits[len(self.trunk_prefix) :]
        if len(national) not in self.phone_lengths or len(set(national)) < 3:
            return None
        return f"+{self.country_code}{national}"


@lru_cache(maxsize=None)
def locale(name: str = "default") -> Locale:
    """The locale of ``data/locales/<name>.json``."""
    if name not in names_in("locales"):
        raise UnknownLocale(f"no locale {name}; there are {', '.join(names_in('locales'))}")
    shown = f"data/locales/{name}.json"
    content = read_json("locales", name)
    pattern = field(content, "postal_code", str, shown)
    try:
        re.compile(pattern)
    except re.error as error:
        raise DataFileError(shown, f"postal_code: {error}") from error
    return Locale(
        name=field(content, "name", str, shown),
        decimal_mark=field(content, "decimal_mark", str, shown),
        currency=field(content, "currency", str, shown),
        currency_signs=tuple(field(content, "currency_signs", list, shown)),
        day_first=field(content, "day_first", bool, shown),
        months={
            fold(month): number
            for number, month in enumerate(field(content, "months", list, shown), start=1)
        },
        postal_code=pattern,
        regions=frozenset(field(content, "regions", list, shown)),
        country_code=field(content, "country_code", str, shown),
        phone_lengths=tuple(field(content, "phone_lengths", list, shown)),
        trunk_prefix=field(content, "trunk_prefix", str, shown),
    )
