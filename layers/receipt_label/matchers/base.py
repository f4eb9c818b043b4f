"""What a matcher is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..locales import Locale


@dataclass(frozen=True)
class Match:
    """A piece of a line's text.

    Attributes:
        kind: the matcher's name.
        start: where it begins.
        end: where it ends.
        value: what it means, such as a date.
        score: how sure the matcher is, 0 to 1.
    """

    kind: str
    start: int
    end: int
    value: Any
    score: float

    def overlaps(self, other: Match) -> bool:
        """Whether both share characters."""
        return self.start < other.end and other.start < self.end


class Matcher(Protocol):
    """Finds all pieces of one kind in a line."""

    name: str

    def find(self, text: str, locale: Locale) -> list[Match]:
        """The pieces, from left to right."""


def without_overlaps(matches: list[Match]) -> list[Match]:
    """The best of overlapping matches, from left to right."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (-m.score, m.start - m.end, m.start)):
        if not any(match.overlaps(other) for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda m: m.start)
