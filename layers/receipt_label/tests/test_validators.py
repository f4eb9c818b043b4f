"""Tests of the checks."""

from __future__ import annotations

import unittest
from datetime import date

from receipt_label import Label, LabelName, receipt_from_text
from receipt_label.locales import locale
from receipt_label.validators import LabelledReceipt, Validator
from receipt_label.validators.arithmetic import (
    ChangeValidator,
    ItemsSumValidator,
    TotalSumValidator,
)
from receipt_label.validators.plausibility import (
    AmountFormValidator,
    DateValidator,
    TaxRateValidator,
)
from receipt_label.validators.presence import RequiredValidator, UniqueValidator


def labelled(*words: tuple[str, LabelName]) -> LabelledReceipt:
    """A receipt of one word a line, each with its label."""
    receipt = receipt_from_text("\n".join(text for text, _ in words))
    labels = [Label(line, 1, name, 0.9, "test") for line, (_, name) in enumerate(words, start=1)]
    return LabelledReceipt(receipt, labels, locale("en_US"))


def messages(validator: Validator, *words: tuple[str, LabelName]) -> list[str]:
    """What a check finds."""
    return [finding.message for finding in validator.check(labelled(*words))]


class ValidatorTest(unittest.TestCase):
    def test_items_sum(self) -> None:
        items = (("3.00", LabelName.LINE_TOTAL), ("2.00", LabelName.LINE_TOTAL))
        off = ("-0.50", LabelName.DISCOUNT)
        check = ItemsSumValidator()
        self.assertEqual(messages(check, *items, off, ("4.50", LabelName.SUBTOTAL)), [])
        wrong = messages(check, *items, ("4.50", LabelName.SUBTOTAL))
        self.assertEqual(wrong, ["the items come to 5.00, the subtotal is 4.50"])

    def test_total_sum(self) -> None:
        check = TotalSumValidator()
        sums = (("9.00", LabelName.SUBTOTAL), ("0.74", LabelName.TAX), ("2.00", LabelName.TIP))
        self.assertEqual(messages(check, *sums, ("11.74", LabelName.GRAND_TOTAL)), [])
        self.assertEqual(messages(check, *sums, ("9.00", LabelName.GRAND_TOTAL)), [])
        self.assertEqual(len(messages(check, *sums, ("12.74", LabelName.GRAND_TOTAL))), 1)

    def test_change(self) -> None:
        check = ChangeValidator()
        paid = (("8.50", LabelName.GRAND_TOTAL), ("10.00", LabelName.TENDERED))
        self.assertEqual(messages(check, *paid, ("1.50", LabelName.CHANGE)), [])
        self.assertEqual(len(messages(check, *paid, ("2.50", LabelName.CHANGE))), 1)

    def test_presence(self) -> None:
        found = messages(RequiredValidator(), ("1.00", LabelName.GRAND_TOTAL))
        self.assertEqual(len(found), 2)
        twice = (("1.00", LabelName.GRAND_TOTAL), ("2.00", LabelName.GRAND_TOTAL))
        self.assertEqual(len(messages(UniqueValidator(), *twice)), 1)

    def test_plausibility(self) -> None:
        self.assertEqual(len(messages(AmountFormValidator(), ("MILK", LabelName.TAX))), 1)
        today = DateValidator(lambda: date(2024, 5, 17))
        self.assertEqual(messages(today, ("05/17/2024", LabelName.DATE)), [])
        self.assertEqual(len(messages(today, ("05/20/2024", LabelName.DATE))), 1)
        rate = (("10.00", LabelName.SUBTOTAL), ("5.00", LabelName.TAX))
        self.assertEqual(len(messages(TaxRateValidator(), *rate)), 1)


if __name__ == "__main__":
    unittest.main()
