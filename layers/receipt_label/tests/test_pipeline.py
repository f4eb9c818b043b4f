"""Tests of the whole way from text to labels."""

from __future__ import annotations

import json
import unittest

from receipt_label import Labeller, LabelName, receipt_from_text
from receipt_label.errors import EmptyReceipt
from receipt_label.pipeline.segments import Part, segments
from receipt_label.tests.examples import BAKERY, GROCER, UNKNOWN


class PipelineTest(unittest.TestCase):
    def setUp(self) -> None:
        self.labeller = Labeller()

    def test_grocer(self) -> None:
        result = self.labeller.label(receipt_from_text(GROCER))
        expected = {
            LabelName.MERCHANT_NAME: "CORNER GROCER",
            LabelName.ADDRESS_LINE: "120 Harbor View Ave Springfield, IL 62704",
            LabelName.PHONE_NUMBER: "(217) 555-0142",
            LabelName.STORE_NUMBER: "114",
            LabelName.TRANSACTION_ID: "004821",
            LabelName.DATE: "05/17/2024",
            LabelName.TIME: "09:30 AM",
            LabelName.PRODUCT_NAME: "WHL MILK ORG BANANAS SOURDOUGH",
            LabelName.LINE_TOTAL: "3.49 1.58 5.00",
            LabelName.UNIT_PRICE: "2.50",
            LabelName.DISCOUNT: "-0.50",
            LabelName.SUBTOTAL: "9.57",
            LabelName.TAX: "0.61",
            LabelName.GRAND_TOTAL: "10.18",
            LabelName.PAYMENT_METHOD: "VISA",
            LabelName.CARD_NUMBER: "************4242",
            LabelName.WEBSITE: "www.cornergrocer.example",
        }
        for name, text in expected.items():
            with self.subTest(name.value):
                self.assertEqual(result.text_of(name), text)
        self.assertEqual(result.findings, [])

    def test_bakery_in_its_own_customs(self) -> None:
        result = self.labeller.label(receipt_from_text(BAKERY))
        self.assertEqual(result.locale, "de_DE")
        self.assertEqual(result.text_of(LabelName.GRAND_TOTAL), "5,00")
        self.assertEqual(result.text_of(LabelName.LINE_TOTAL), "3,20 1,80")
        self.assertTrue(result.is_consistent)

    def test_unknown_shop(self) -> None:
        result = self.labeller.label(receipt_from_text(UNKNOWN))
        self.assertIsNone(result.merchant)
        self.assertEqual(result.text_of(LabelName.MERCHANT_NAME), "Somebody's Sandwiches")
        self.assertEqual(result.text_of(LabelName.CHANGE), "1.50")
        self.assertTrue(result.is_consistent)

    def test_wrong_sums_are_suspects(self) -> None:
        text = GROCER.replace("TOTAL                 10.18", "TOTAL                 11.18")
        result = self.labeller.label(receipt_from_text(text))
        self.assertFalse(result.is_consistent)
        self.assertIn((13, 2), result.suspects)

    def test_nothing_to_label(self) -> None:
        with self.assertRaises(EmptyReceipt):
            self.labeller.label(receipt_from_text("\n \n"))

    def test_the_same_every_time(self) -> None:
        first, second = (
            json.dumps(Labeller().label(receipt_from_text(GROCER)).to_dict()) for _ in range(2)
        )
        self.assertEqual(first, second)

    def test_segments(self) -> None:
        found = segments(self.labeller.label(receipt_from_text(GROCER)))
        self.assertEqual([each.part for each in found], list(Part))
        self.assertEqual(found[0].first_line_id, 1)
        self.assertEqual(found[-1].last_line_id, 16)


if __name__ == "__main__":
    unittest.main()
