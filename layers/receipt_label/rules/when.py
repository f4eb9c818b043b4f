"""When the sale was."""

from __future__ import annotations

from collections.abc import Iterator

from ..labels import LabelName
from ..lexicons import lexicon
from .base import Proposal, Surroundings, for_match


class WhenRule:
    """Labels dates and times; a time beside a date is surer than one alone."""

    name = "when"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose DATE and TIME."""
        for line in around.receipt.lines:
            dates = around.matches(line, "date")
            for match in dates:
                yield from for_match(
                    self.name, line, match, LabelName.DATE, f"reads as {match.value}"
                )
            hours = lexicon("hours").find_in(line.text) is not None
            for match in around.matches(line, "time"):
                factor = 1.0 if dates else 0.5 if hours else 0.9
                yield from for_match(
                    self.name,
                    line,
                    match,
                    LabelName.TIME,
                    "a time beside a date" if dates else "a time",
                    factor,
                )
