"""Tests of telephone numbers in lines."""

from __future__ import annotations

import unittest

from receipt_label.locales import locale
from receipt_label.matchers import matcher


class PhoneTest(unittest.TestCase):
    def find(self, text: str, name: str = "en_US") -> list[str]:
        """The telephone numbers of a line."""
        return [match.value for match in matcher("phone").find(text, locale(name))]

    def test_forms(self) -> None:
        for text in ("(217) 555-0142", "217-555-0142", "217.555.0142", "+1 217 555 0142",
                     "TEL: 2175550142"):
            with self.subTest(text):
                self.assertEqual(self.find(text), ["+12175550142"])

    def test_trunk_prefix(self) -> None:
        self.assertEqual(self.find("020 7946 0123", "en_GB"), ["+442079460123"])

    def test_a_word_before_makes_it_surer(self) -> None:
        bare, named = (
            matcher("phone").find(text, locale("en_US"))[0].score
            for text in ("2175550142", "PHONE 2175550142")
        )
        self.assertLess(bare, named)

    def test_what_is_no_number(self) -> None:
        for text in ("1.50 2.50", "1111111111", "12345", "05/17/2024"):
            with self.subTest(text):
                self.assertEqual(self.find(text), [])


if __name__ == "__main__":
    unittest.main()
