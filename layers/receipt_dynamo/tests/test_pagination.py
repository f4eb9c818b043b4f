"""Tests of pages and cursors."""

from __future__ import annotations

import unittest

from receipt_dynamo.exceptions import CursorError
from receipt_dynamo.pagination import decode_cursor, encode_cursor, every
from receipt_dynamo.tests.helpers import IMAGE_ID, new_client, word


class CursorTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        key = {"PK": {"S": "IMAGE#1"}, "SK": {"S": "RECEIPT#00001"}}
        cursor = encode_cursor(key)
        self.assertIsNotNone(cursor)
        self.assertNotIn("=", cursor or "")
        self.assertEqual(decode_cursor(cursor), key)

    def test_nothing_is_no_cursor(self) -> None:
        self.assertIsNone(encode_cursor(None))
        self.assertIsNone(decode_cursor(None))

    def test_refuses_rubbish(self) -> None:
        for rubbish in ("", "%%%", "bm90IGpzb24", "W10"):
            with self.subTest(rubbish), self.assertRaises(CursorError):
                decode_cursor(rubbish)


class ListingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client(page_size=4)
        self.words = [word(line, number) for line in (1, 2) for number in range(1, 7)]
        self.client.put_receipt_words(self.words)

    def test_without_a_limit_all_is_read(self) -> None:
        page = self.client.list_receipt_words_of_receipt(IMAGE_ID, 1)
        self.assertEqual(page.items, self.words)
        self.assertTrue(page.is_last)

    def test_pages_join_up(self) -> None:
        for limit in (1, 3, 5, 12, 50):
            with self.subTest(limit=limit):
                found = every(
                    lambda cursor: self.client.list_receipt_words(limit, cursor)
                )
                self.assertEqual(list(found), self.words)

    def test_one_line_only(self) -> None:
        page = self.client.list_receipt_words_of_line(IMAGE_ID, 1, 2)
        self.assertEqual([each.word_id for each in page], [1, 2, 3, 4, 5, 6])

    def test_refuses_a_limit_below_one(self) -> None:
        with self.assertRaises(ValueError):
            self.client.list_receipt_words(limit=0)


if __name__ == "__main__":
    unittest.main()
