"""Tests of single rules."""

from __future__ import annotations

import unittest

from receipt_label import LabelName, receipt_from_text
from receipt_label.locales import locale
from receipt_label.rules import Surroundings, run_rules
from receipt_label.rules.base import Rule
from receipt_label.rules.contact import ContactRule
from receipt_label.rules.items import ItemsRule
from receipt_label.rules.merchant_name import MerchantNameRule
from receipt_label.rules.payment import PaymentRule
from receipt_label.rules.references import ReferencesRule
from receipt_label.rules.totals import TotalsRule
from receipt_label.rules.when import WhenRule


def proposed(rule: Rule, text: str) -> set[tuple[str, LabelName]]:
    """The words and labels that a rule proposes."""
    around = Surroundings(receipt_from_text(text), locale("en_US"))
    return {(each.word.text, each.label) for each in run_rules(around, [rule])}


class RuleTest(unittest.TestCase):
    def test_merchant_name(self) -> None:
        found = proposed(MerchantNameRule(), "05/17/2024\nJoe's Place\nTOTAL 1.00")
        self.assertEqual(
            found, {("Joe's", LabelName.MERCHANT_NAME), ("Place", LabelName.MERCHANT_NAME)}
        )

    def test_contact(self) -> None:
        found = proposed(ContactRule(), "X\nMON-SUN 8:00AM 9:00PM\nmail@shop.example")
        self.assertIn(("8:00AM", LabelName.STORE_HOURS), found)
        self.assertIn(("mail@shop.example", LabelName.EMAIL), found)

    def test_when(self) -> None:
        found = proposed(WhenRule(), "05/17/2024 09:30")
        self.assertEqual(found, {("05/17/2024", LabelName.DATE), ("09:30", LabelName.TIME)})

    def test_totals(self) -> None:
        text = "A\nB\nSUB TOTAL 9.00\nTAX 8.25% 0.74\nTIP 2.00\nAMOUNT DUE 11.74\nCHANGE 0.00"
        self.assertEqual(
            proposed(TotalsRule(), text),
            {
                ("9.00", LabelName.SUBTOTAL),
                ("0.74", LabelName.TAX),
                ("2.00", LabelName.TIP),
                ("11.74", LabelName.GRAND_TOTAL),
                ("0.00", LabelName.CHANGE),
            },
        )

    def test_items_end_at_the_total(self) -> None:
        found = proposed(ItemsRule(), "MILK 3.00\n2 @ 1.00 EGGS 2.00\nTOTAL 5.00\nDONATION 1.00")
        self.assertEqual(
            found,
            {
                ("MILK", LabelName.PRODUCT_NAME),
                ("3.00", LabelName.LINE_TOTAL),
                ("2", LabelName.QUANTITY),
                ("1.00", LabelName.UNIT_PRICE),
                ("EGGS", LabelName.PRODUCT_NAME),
                ("2.00", LabelName.LINE_TOTAL),
            },
        )

    def test_payment(self) -> None:
        found = proposed(PaymentRule(), "A\nB\nC\nMASTERCARD XXXXXXXX1881 5.00")
        self.assertEqual(
            found,
            {
                ("MASTERCARD", LabelName.PAYMENT_METHOD),
                ("XXXXXXXX1881", LabelName.CARD_NUMBER),
                ("5.00", LabelName.TENDERED),
            },
        )

    def test_references(self) -> None:
        found = proposed(ReferencesRule(), "STORE 12 CASHIER: ANNA")
        self.assertEqual(found, {("12", LabelName.STORE_NUMBER), ("ANNA", LabelName.CASHIER)})


if __name__ == "__main__":
    unittest.main()
