"""Tests of addresses in lines."""

from __future__ import annotations

import unittest

from receipt_label.locales import locale
from receipt_label.matchers import matcher


class AddressTest(unittest.TestCase):
    def find(self, text: str, name: str = "en_US") -> list[str]:
        """The addresses of a line."""
        return [match.value for match in matcher("address").find(text, locale(name))]

    def test_streets(self) -> None:
        for text in ("120 Harbor View Ave", "4 Elm St.", "1200 N Main Street", "PO Box 12"):
            with self.subTest(text):
                self.assertEqual(self.find(text), [text])
        self.assertEqual(self.find("AT 5 OAK RD TODAY"), ["5 OAK RD"])

    def test_city_lines(self) -> None:
        self.assertEqual(self.find("Springfield, IL 62704"), ["Springfield, IL 62704"])
        self.assertEqual(self.find("Toronto ON M5V 2T6", "en_CA"), ["Toronto ON M5V 2T6"])

    def test_what_is_no_address(self) -> None:
        for text in ("2 EGGS LARGE", "TOTAL 62704", "ORDER 62704"):
            with self.subTest(text):
                self.assertEqual(self.find(text), [])


if __name__ == "__main__":
    unittest.main()
