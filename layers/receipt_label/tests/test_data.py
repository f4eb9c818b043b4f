"""Tests of the data files: they are complete, and all of them can be read."""

from __future__ import annotations

import unittest

from receipt_label.data_files import DATA, field, names_in, read_json
from receipt_label.errors import DataFileError, UnknownLocale
from receipt_label.lexicons import lexicon, product_lexicon
from receipt_label.locales import locale
from receipt_label.merchants import all_merchants


class LexiconTest(unittest.TestCase):
    def test_all_can_be_read(self) -> None:
        for name in names_in("lexicons"):
            with self.subTest(name):
                self.assertGreater(len(lexicon(name)), 4)

    def test_terms_are_distinct(self) -> None:
        for name in names_in("lexicons"):
            terms = [(entry.term, entry.category) for entry in lexicon(name).entries]
            with self.subTest(name):
                self.assertEqual(len(terms), len(set(terms)))

    def test_search(self) -> None:
        products = product_lexicon()
        for text in ("whole milk", "WHL MLK", "2 WHL MILK 3.49"):
            with self.subTest(text):
                entry = products.find_in(text)
                self.assertEqual(entry and entry.term, "whole milk")
        self.assertIn("Sub-Total", lexicon("totals"))
        self.assertIsNone(products.find("xyzzy"))

    def test_search_with_misread_letters(self) -> None:
        totals = lexicon("totals")
        entry = totals.find_near("SUBT0TAL")
        self.assertEqual(entry and entry.category, "subtotal")
        self.assertIsNone(totals.find_near("TIQ"))


class LocaleTest(unittest.TestCase):
    def test_all_can_be_read(self) -> None:
        for name in names_in("locales"):
            with self.subTest(name):
                self.assertEqual(len(locale(name).months), 12)

    def test_the_default_is_a_link_to_one_of_them(self) -> None:
        self.assertTrue((DATA / "locales" / "default.json").is_symlink())
        self.assertEqual(locale().name, "en_US")

    def test_unknown(self) -> None:
        with self.assertRaises(UnknownLocale):
            locale("xx_XX")


class MerchantTest(unittest.TestCase):
    def test_all_can_be_read(self) -> None:
        categories = {entry.category for entry in product_lexicon().entries}
        for each in all_merchants():
            with self.subTest(each.merchant_id):
                self.assertIn(each.locale, names_in("locales"))
                self.assertLessEqual(each.product_categories, categories)
                self.assertTrue(all(0 < ref.score <= 1 for ref in each.references))


class FileTest(unittest.TestCase):
    def test_errors_name_the_file(self) -> None:
        with self.assertRaises(DataFileError) as caught:
            read_json("lexicons", "missing")
        self.assertIn("data/lexicons/missing.json", str(caught.exception))
        with self.assertRaises(DataFileError):
            field({"name": 3}, "name", str, "x.json")


if __name__ == "__main__":
    unittest.main()
