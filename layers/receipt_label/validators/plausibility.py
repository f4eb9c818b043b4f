"""Values that cannot be, or hardly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from ..labels import LabelName, amount_labels
from ..matchers import matcher
from ..text.numbers import parse_amount
from .base import Finding, LabelledReceipt, Severity


class AmountFormValidator:
    """What is labelled as an amount has to read as one."""

    name = "amounts_read_as_amounts"

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Name every amount that is none."""
        names = amount_labels()
        for label in labelled.labels:
            if label.name not in names:
                continue
            word = labelled.receipt.by_key[label.key]
            if parse_amount(word.text, labelled.locale.decimal_mark) is None:
                message = f"{word.text!r} is labelled {label.name.value} but is no amount"
                yield Finding(self.name, Severity.ERROR, message, (word.key,))


class DateValidator:
    """A sale was not in the future, and not before there were such receipts."""

    name = "plausible_date"

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self._today = today

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Name every date that cannot be."""
        latest = self._today() + timedelta(days=1)
        dates = matcher("date")
        for word in labelled.words(LabelName.DATE):
            for match in dates.find(word.text, labelled.locale):
                if match.value > latest:
                    message = f"{match.value} lies in the future"
                    yield Finding(self.name, Severity.ERROR, message, (word.key,))


class TaxRateValidator:
    """Tax is a part of the subtotal, not more than a third of it."""

    name = "plausible_tax_rate"
    highest = Decimal("0.33")

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Compare tax with subtotal, or with the total if there is no subtotal."""
        base = labelled.amount(LabelName.SUBTOTAL) or labelled.amount(LabelName.GRAND_TOTAL)
        tax = labelled.total_of(LabelName.TAX)
        if not base or base <= 0 or tax == 0:
            return
        if tax < 0 or tax / base > self.highest:
            words = tuple(word.key for word in labelled.words(LabelName.TAX))
            message = f"a tax of {tax} on {base} is not plausible"
            yield Finding(self.name, Severity.WARNING, message, words, None, tax)
