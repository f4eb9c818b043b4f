"""Tests of exports and loads."""

from __future__ import annotations

import io
import json
import unittest

from receipt_dynamo.exceptions import InvalidItem
from receipt_dynamo.serialisation import from_plain, to_plain
from receipt_dynamo.tests.helpers import IMAGE_ID, new_client, word
from receipt_dynamo.transfer import export_image, export_table, load_lines


class TransferTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()
        self.words = [word(1, number) for number in range(1, 31)]
        self.client.put_receipt_words(self.words)

    def test_export_and_load(self) -> None:
        target = io.StringIO()
        report = export_table(self.client, target)
        self.assertEqual(report.summary(), "30 items (30 RECEIPT_WORD)")
        other = new_client()
        loaded = load_lines(other, target.getvalue().splitlines())
        self.assertEqual(loaded.written, 30)
        self.assertEqual(other.list_receipt_words().items, self.words)

    def test_exports_are_the_same_every_time(self) -> None:
        first, second = io.StringIO(), io.StringIO()
        export_table(self.client, first)
        export_image(self.client, IMAGE_ID, second)
        self.assertEqual(first.getvalue(), second.getvalue())

    def test_types_and_plain(self) -> None:
        target = io.StringIO()
        report = export_table(self.client, target, types=["RECEIPT"], plain=True)
        self.assertEqual(report.items, 0)
        export_table(self.client, target, plain=True)
        self.assertEqual(json.loads(target.getvalue().splitlines()[0])["text"], "MILK")

    def test_bad_lines(self) -> None:
        lines = ["", "nonsense", '{"TYPE": {"S": "X"}}', json.dumps(word(2, 1).to_item())]
        with self.assertRaises(InvalidItem):
            load_lines(new_client(), lines)
        report = load_lines(new_client(), lines, strict=False)
        self.assertEqual(report.written, 1)
        self.assertEqual([number for number, _ in report.refused], [2, 3])


class PlainTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        item = word(1, 1).to_item()
        self.assertEqual(from_plain(to_plain(item))["text"], item["text"])
        self.assertEqual(to_plain(from_plain(to_plain(item))), to_plain(item))

    def test_values(self) -> None:
        record = {"a": None, "b": True, "c": 1, "d": 0.5, "e": ["x"], "f": {"g": "h"}}
        self.assertEqual(to_plain(from_plain(record)), record)
        with self.assertRaises(InvalidItem):
            from_plain({"a": object()})


if __name__ == "__main__":
    unittest.main()
