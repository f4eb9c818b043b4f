"""Tests of cards, links, quantities and references, and of the registry."""

from __future__ import annotations

import unittest
from decimal import Decimal
from typing import Any

from receipt_label.locales import locale
from receipt_label.matchers import all_matchers, matcher, matches_in
from receipt_label.matchers.base import Match, without_overlaps


def values(kind: str, text: str) -> list[Any]:
    """What a matcher finds in a line."""
    return [match.value for match in matcher(kind).find(text, locale())]


class OtherMatchersTest(unittest.TestCase):
    def test_cards(self) -> None:
        self.assertEqual(values("card", "VISA ************4242"), ["4242"])
        self.assertEqual(values("card", "XXXX-XXXX-XXXX-1881"), ["1881"])
        self.assertEqual(values("card", "card ending in 0005"), ["0005"])
        self.assertEqual(values("card", "TOTAL 10.18"), [])

    def test_links(self) -> None:
        text = "Visit WWW.Shop.example/help or mail hello@shop.example"
        self.assertEqual(values("site", text), ["www.shop.example/help"])
        self.assertEqual(values("email", text), ["hello@shop.example"])

    def test_quantities(self) -> None:
        self.assertEqual(values("quantity", "2 @ 2.50"), [(Decimal(2), "each")])
        self.assertEqual(values("quantity", "3x APPLE"), [(Decimal(3), "each")])
        self.assertEqual(values("quantity", "1.25 lbs"), [(Decimal("1.25"), "lb")])
        self.assertEqual(values("quantity", "QTY: 4"), [(Decimal(4), "each")])
        self.assertEqual(values("quantity", "TOTAL 10.18"), [])

    def test_references(self) -> None:
        self.assertEqual(values("reference", "STORE #114"), [("store", "114")])
        self.assertEqual(values("reference", "Invoice No. A-12"), [])
        self.assertEqual(values("reference", "INV# B20481"), [("transaction", "B20481")])
        self.assertEqual(values("reference", "MEMBER 1118872"), [("member", "1118872")])


class RegistryTest(unittest.TestCase):
    def test_names_are_distinct(self) -> None:
        names = [each.name for each in all_matchers()]
        self.assertEqual(names, sorted(set(names)))
        with self.assertRaises(LookupError):
            matcher("zodiac")

    def test_matches_lie_inside_the_line(self) -> None:
        text = "05/17/2024 09:30 AM (217) 555-0142 $4.20 2 lb"
        found = matches_in(text, locale())
        self.assertEqual({match.kind for match in found},
                         {"date", "time", "phone", "money", "quantity"})
        for match in found:
            self.assertTrue(0 <= match.start < match.end <= len(text))

    def test_overlaps(self) -> None:
        weak, strong = Match("a", 0, 5, 1, 0.5), Match("b", 3, 8, 2, 0.9)
        self.assertEqual(without_overlaps([weak, strong]), [strong])


if __name__ == "__main__":
    unittest.main()
