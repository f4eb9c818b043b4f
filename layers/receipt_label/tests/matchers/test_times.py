"""Tests of times in lines."""

from __future__ import annotations

import unittest
from datetime import time

from receipt_label.locales import locale
from receipt_label.matchers import matcher


class TimeTest(unittest.TestCase):
    def find(self, text: str) -> list[time]:
        """The times of a line."""
        return [match.value for match in matcher("time").find(text, locale())]

    def test_forms(self) -> None:
        self.assertEqual(self.find("at 9:30"), [time(9, 30)])
        self.assertEqual(self.find("12:05 AM"), [time(0, 5)])
        self.assertEqual(self.find("7:15:09 p.m."), [time(19, 15, 9)])
        self.assertEqual(self.find("MON 8:00AM - 9:00PM"), [time(8), time(21)])

    def test_what_is_no_time(self) -> None:
        for text in ("25:00", "13:00 PM", "9:75", "1:2", "12:34:56:78"):
            with self.subTest(text):
                self.assertEqual(self.find(text), [])


if __name__ == "__main__":
    unittest.main()
