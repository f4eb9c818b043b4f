"""Tests of dates in lines."""

from __future__ import annotations

import unittest
from datetime import date

from receipt_label.locales import locale
from receipt_label.matchers import matcher


class DateTest(unittest.TestCase):
    def find(self, text: str, name: str = "en_US") -> list[date]:
        """The dates of a line."""
        return [match.value for match in matcher("date").find(text, locale(name))]

    def test_forms(self) -> None:
        day = date(2024, 5, 17)
        for text in ("05/17/2024", "5-17-24", "2024-05-17", "17 May 2024", "May 17, 2024",
                     "17MAY24", "Fri May 17th, 2024 at noon"):
            with self.subTest(text):
                self.assertEqual(self.find(text), [day])

    def test_order_depends_on_the_country(self) -> None:
        self.assertEqual(self.find("03/04/2024", "en_US"), [date(2024, 3, 4)])
        self.assertEqual(self.find("03/04/2024", "en_GB"), [date(2024, 4, 3)])

    def test_an_impossible_order_is_turned(self) -> None:
        self.assertEqual(self.find("17/05/2024", "en_US"), [date(2024, 5, 17)])

    def test_names_of_the_country(self) -> None:
        self.assertEqual(self.find("17. M\u00e4rz 2024", "de_DE"), [date(2024, 3, 17)])

    def test_what_is_no_date(self) -> None:
        for text in ("13/13/2024", "02/30/2024", "1.50 2.50", "555-0142", "12 eggs 2024"):
            with self.subTest(text):
                self.assertEqual(self.find(text), [])


if __name__ == "__main__":
    unittest.main()
