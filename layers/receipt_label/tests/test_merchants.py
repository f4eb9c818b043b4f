"""Tests of guessing the shop."""

from __future__ import annotations

import unittest

from receipt_label import receipt_from_text
from receipt_label.merchants import all_merchants, guess_merchant
from receipt_label.tests.examples import BAKERY, GROCER, UNKNOWN


class GuessTest(unittest.TestCase):
    def test_known_shops(self) -> None:
        for text, name in ((GROCER, "Corner Grocer"), (BAKERY, "Backhaus Muster")):
            guess = guess_merchant(receipt_from_text(text))
            assert guess is not None
            self.assertEqual(guess.merchant.name, name)
            self.assertGreater(guess.score, 0.9)

    def test_unknown_shop(self) -> None:
        self.assertIsNone(guess_merchant(receipt_from_text(UNKNOWN)))

    def test_misread_name(self) -> None:
        guess = guess_merchant(receipt_from_text("C0RNER GR0CER\nTOTAL 1.00"))
        assert guess is not None
        self.assertEqual(guess.merchant.merchant_id, "corner_grocer")

    def test_the_site_alone_is_enough(self) -> None:
        guess = guess_merchant(receipt_from_text("HELLO\nwww.tacolantern.example"))
        assert guess is not None
        self.assertIsNone(guess.name_line)
        self.assertGreater(guess.score, 0.5)

    def test_every_shop_recognises_its_own_names(self) -> None:
        for merchant in all_merchants():
            for name in merchant.names():
                guess = guess_merchant(receipt_from_text(f"{name}\nTOTAL 1.00"))
                with self.subTest(name):
                    assert guess is not None
                    self.assertEqual(guess.merchant.merchant_id, merchant.merchant_id)


if __name__ == "__main__":
    unittest.main()
