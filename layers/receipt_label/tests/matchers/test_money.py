"""Tests of amounts in lines."""

from __future__ import annotations

import unittest
from decimal import Decimal

from receipt_label.locales import locale
from receipt_label.matchers import matcher


class MoneyTest(unittest.TestCase):
    def find(self, text: str, name: str = "en_US") -> list[Decimal]:
        """The amounts of a line."""
        return [match.value for match in matcher("money").find(text, locale(name))]

    def test_needs_cents_or_a_sign(self) -> None:
        self.assertEqual(self.find("2 EGGS LARGE 3.99"), [Decimal("3.99")])
        self.assertEqual(self.find("TIP $5"), [Decimal("5")])
        self.assertEqual(self.find("TABLE 14"), [])

    def test_several(self) -> None:
        self.assertEqual(self.find("2 @ 1.50 3.00"), [Decimal("1.50"), Decimal("3.00")])

    def test_decimal_comma(self) -> None:
        self.assertEqual(self.find("BROT 3,20 \u20ac", "de_DE"), [Decimal("3.20")])


if __name__ == "__main__":
    unittest.main()
