"""How to reach the shop: address, telephone, site, mail, opening hours."""

from __future__ import annotations

from collections.abc import Iterator

from ..labels import LabelName
from ..lexicons import lexicon
from ..model import Line
from .base import Proposal, Surroundings, for_match

_KINDS = {
    "phone": (LabelName.PHONE_NUMBER, "has the form of a telephone number"),
    "site": (LabelName.WEBSITE, "has the form of a site"),
    "email": (LabelName.EMAIL, "has the form of a mail address"),
    "address": (LabelName.ADDRESS_LINE, "has the form of an address"),
}


class ContactRule:
    """Turns matches into labels; what stands high up is believed more."""

    name = "contact"

    def propose(self, around: Surroundings) -> Iterator[Proposal]:
        """Propose labels for everything that helps to reach the shop."""
        for line in around.receipt.lines:
            factor = self._factor(around, line)
            for match in around.matches(line):
                if match.kind in _KINDS:
                    label, reason = _KINDS[match.kind]
                    certain = match.kind in {"site", "email"}
                    yield from for_match(
                        self.name, line, match, label, reason, 1.0 if certain else factor
                    )
            yield from self._hours(around, line)

    @staticmethod
    def _factor(around: Surroundings, line: Line) -> float:
        height = around.receipt.height_of(line)
        return 1.0 if height > 0.6 else 0.9 if height < 0.2 else 0.75

    def _hours(self, around: Surroundings, line: Line) -> Iterator[Proposal]:
        times = around.matches(line, "time")
        if lexicon("hours").find_in(line.text) is None or len(times) < 2:
            return
        for match in times:
            yield from for_match(
                self.name, line, match, LabelName.STORE_HOURS, "two times in a line of days"
            )
