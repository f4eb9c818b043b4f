"""The numbers of a receipt have to add up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ..labels import LabelName
from .base import Finding, LabelledReceipt, Severity

#: Rounding on the way may cost this much.
TOLERANCE = Decimal("0.02")


class ItemsSumValidator:
    """Items less discounts make the subtotal."""

    name = "items_sum_to_subtotal"

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Compare the items with the subtotal."""
        subtotal = labelled.amount(LabelName.SUBTOTAL)
        items = labelled.amounts(LabelName.LINE_TOTAL)
        if subtotal is None or not items:
            return
        off = sum(abs(amount) for _, amount in labelled.amounts(LabelName.DISCOUNT))
        expected = sum(amount for _, amount in items) - off
        if abs(expected - subtotal) > TOLERANCE:
            yield Finding(
                self.name,
                Severity.WARNING,
                f"the items come to {expected}, the subtotal is {subtotal}",
                tuple(word.key for word, _ in items),
                Decimal(expected),
                subtotal,
            )


class TotalSumValidator:
    """Subtotal, tax and tip make the total."""

    name = "subtotal_and_tax_make_total"

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Compare subtotal, tax and tip with the total."""
        total = labelled.amount(LabelName.GRAND_TOTAL)
        subtotal = labelled.amount(LabelName.SUBTOTAL)
        if total is None or subtotal is None:
            return
        expected = (
            subtotal + labelled.total_of(LabelName.TAX) + labelled.total_of(LabelName.TIP)
        )
        included = abs(subtotal - total) <= TOLERANCE
        if abs(expected - total) > TOLERANCE and not included:
            words = [*labelled.words(LabelName.GRAND_TOTAL), *labelled.words(LabelName.SUBTOTAL)]
            yield Finding(
                self.name,
                Severity.ERROR,
                f"subtotal, tax and tip come to {expected}, the total is {total}",
                tuple(word.key for word in words),
                expected,
                total,
            )


class ChangeValidator:
    """What was paid less the total is the change."""

    name = "tendered_less_total_is_change"

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Compare what was paid with total and change."""
        total = labelled.amount(LabelName.GRAND_TOTAL)
        change = labelled.amount(LabelName.CHANGE)
        if total is None or change is None or not labelled.amounts(LabelName.TENDERED):
            return
        expected = labelled.total_of(LabelName.TENDERED) - total
        if abs(expected - abs(change)) > TOLERANCE:
            yield Finding(
                self.name,
                Severity.WARNING,
                f"the change should be {expected}, but {change} is printed",
                tuple(word.key for word in labelled.words(LabelName.CHANGE)),
                expected,
                change,
            )
