"""All matchers by their names."""

from __future__ import annotations

from ..locales import Locale
from .addresses import AddressMatcher
from .base import Match, Matcher
from .cards import CardMatcher
from .dates import DateMatcher
from .links import EmailMatcher, SiteMatcher
from .money import MoneyMatcher
from .phones import PhoneMatcher
from .quantities import QuantityMatcher
from .references import ReferenceMatcher
from .times import TimeMatcher

_MATCHERS: dict[str, Matcher] = {
    each.name: each
    for each in (
        AddressMatcher(),
        CardMatcher(),
        DateMatcher(),
        EmailMatcher(),
        MoneyMatcher(),
        PhoneMatcher(),
        QuantityMatcher(),
        ReferenceMatcher(),
        SiteMatcher(),
        TimeMatcher(),
    )
}


def all_matchers() -> list[Matcher]:
    """Every matcher, in the order of their names."""
    return [_MATCHERS[name] for name in sorted(_MATCHERS)]


def matcher(name: str) -> Matcher:
    """The matcher of a name."""
    try:
        return _MATCHERS[name]
    except KeyError:
        known = ", ".join(sorted(_MATCHERS))
        raise LookupError(f"no matcher {name!r}; there are {known}") from None


def matches_in(text: str, locale: Locale) -> list[Match]:
    """What all matchers find in a line, overlaps included."""
    return [match for each in all_matchers() for match in each.find(text, locale)]
