"""Tests of normal forms, distances, abbreviations and numbers."""

from __future__ import annotations

import unittest
from decimal import Decimal

from receipt_label.text import (
    abbreviate,
    could_abbreviate,
    edit_distance,
    fold,
    key_form,
    repair_digits,
    similarity,
)
from receipt_label.text.numbers import has_cents, parse_amount


class NormaliseTest(unittest.TestCase):
    def test_fold(self) -> None:
        self.assertEqual(fold(" Caf\u00e9\u2013BAR  x "), "cafe-bar x")

    def test_key_form(self) -> None:
        self.assertEqual(key_form("SUB-TOTAL:"), "sub total")

    def test_repair(self) -> None:
        self.assertEqual(repair_digits("l2.OO"), "12.00")
        self.assertEqual(repair_digits("OIL"), "OIL")


class DistanceTest(unittest.TestCase):
    def test_edits(self) -> None:
        cases = {("", "abc"): 3, ("milk", "milk"): 0, ("mlik", "milk"): 1, ("mik", "milk"): 1}
        for (first, second), distance in cases.items():
            with self.subTest(first=first, second=second):
                self.assertEqual(edit_distance(first, second), distance)
                self.assertEqual(edit_distance(second, first), distance)

    def test_stops_early(self) -> None:
        self.assertEqual(edit_distance("abcdef", "uvwxyz", most=2), 3)

    def test_similarity(self) -> None:
        self.assertEqual(similarity("", ""), 1.0)
        self.assertEqual(similarity("ab", "cd"), 0.0)


class AbbreviationTest(unittest.TestCase):
    def test_abbreviate(self) -> None:
        self.assertEqual(abbreviate("butter", 3), "BTR")
        self.assertEqual(abbreviate("egg"), "EGG")

    def test_every_abbreviation_is_recognised(self) -> None:
        for word in ("chicken", "boneless", "mozzarella", "yoghurt", "apples"):
            with self.subTest(word):
                self.assertTrue(could_abbreviate(abbreviate(word).lower(), word))


class NumberTest(unittest.TestCase):
    def test_amounts(self) -> None:
        cases = {
            "3.49": "3.49",
            "$1,234.50": "1234.50",
            "-0.50": "-0.50",
            "0.50-": "-0.50",
            "(2.00)": "-2.00",
            "1O.OO": "10.00",
        }
        for text, amount in cases.items():
            with self.subTest(text):
                self.assertEqual(parse_amount(text), Decimal(amount))
        self.assertEqual(parse_amount("1.234,50", ","), Decimal("1234.50"))

    def test_what_is_no_amount(self) -> None:
        for text in ("", "TOTAL", "12/05/2024", "555-0142", "..", "a1b2"):
            with self.subTest(text):
                self.assertIsNone(parse_amount(text))

    def test_cents(self) -> None:
        self.assertTrue(has_cents("3,49", ","))
        self.assertFalse(has_cents("3.495"))


if __name__ == "__main__":
    unittest.main()
