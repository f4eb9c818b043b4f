"""The examples in the documentation strings have to be true."""

from __future__ import annotations

import doctest
import unittest

import receipt_label
from receipt_label.scoring import combine
from receipt_label.text import abbreviations, distance, normalise, numbers

MODULES = (receipt_label, abbreviations, combine, distance, normalise, numbers)


class DocumentationTest(unittest.TestCase):
    def test_examples(self) -> None:
        for module in MODULES:
            with self.subTest(module.__name__):
                self.assertEqual(doctest.testmod(module).failed, 0)


if __name__ == "__main__":
    unittest.main()
