"""What a check sees and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol

from ..labels import LabelName
from ..locales import Locale
from ..model import Label, Receipt, Word, WordKey
from ..text.numbers import parse_amount


class Severity(str, Enum):
    """How bad a finding is."""

    NOTE = "NOTE"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Finding:
    """Something that does not fit.

    Attributes:
        check: the check's name.
        severity: how bad it is.
        message: what does not fit, for people.
        words: the words involved.
        expected: the number that would fit, if it is about one.
        actual: the number that is there.
    """

    check: str
    severity: Severity
    message: str
    words: tuple[WordKey, ...] = ()
    expected: Decimal | None = None
    actual: Decimal | None = None


class LabelledReceipt:
    """A receipt with its labels, arranged for checks."""

    def __init__(self, receipt: Receipt, labels: Sequence[Label], locale: Locale) -> None:
        self.receipt = receipt
        self.labels = tuple(labels)
        self.locale = locale

    def words(self, name: LabelName) -> Iterator[Word]:
        """The words with a label."""
        for label in self.labels:
            if label.name is name:
                yield self.receipt.by_key[label.key]

    def amounts(self, name: LabelName) -> list[tuple[Word, Decimal]]:
        """The words with a label that read as amounts, with the amounts."""
        found = []
        for word in self.words(name):
            amount = parse_amount(word.text, self.locale.decimal_mark)
            if amount is not None:
                found.append((word, amount))
        return found

    def amount(self, name: LabelName) -> Decimal | None:
        """The only amount with a label; ``None`` if there is none, or more than one."""
        amounts = self.amounts(name)
        return amounts[0][1] if len(amounts) == 1 else None

    def total_of(self, name: LabelName) -> Decimal:
        """The sum of all amounts with a label."""
        return sum((amount for _, amount in self.amounts(name)), Decimal(0))


class Validator(Protocol):
    """Looks at a labelled receipt and reports what does not fit."""

    name: str

    def check(self, labelled: LabelledReceipt) -> Iterable[Finding]:
        """The findings; none if all is well or nothing can be said."""
