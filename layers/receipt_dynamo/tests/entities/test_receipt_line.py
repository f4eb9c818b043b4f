"""Tests of the receipt line entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import ReceiptLine
from receipt_dynamo.entities.geometry import BoundingBox, Point
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> ReceiptLine:
    """A valid receipt line."""
    return ReceiptLine(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        line_id=7,
        text="TOTAL",
        bounding_box=BoundingBox(0.1, 0.2, 0.3, 0.05),
        top_left=Point(0.1, 0.25),
        top_right=Point(0.1, 0.25),
        bottom_left=Point(0.1, 0.25),
        bottom_right=Point(0.1, 0.25),
        angle_degrees=12.5,
        confidence=0.875,
    )


class ReceiptLineTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(ReceiptLine.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007#LINE#00007")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "line_id": 0,
            "text": "",
            "bounding_box": (0.1, 0.2),
            "top_left": (0.1, 0.25),
            "top_right": (0.1, 0.25),
            "bottom_left": (0.1, 0.25),
            "bottom_right": (0.1, 0.25),
            "angle_degrees": float("nan"),
            "confidence": 1.5,
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            ReceiptLine.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["confidence"]
        with self.assertRaises(InvalidItem):
            ReceiptLine.from_item(item)


class ReceiptLineClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_receipt_line(record)
        with self.assertRaises(EntityExists):
            self.client.add_receipt_line(record)
        self.client.update_receipt_line(record)
        key = (record.image_id, record.receipt_id, record.line_id)
        self.assertEqual(self.client.get_receipt_line(*key), record)
        self.assertEqual(self.client.get_receipt_lines_by_keys([key, key]), [record])
        self.client.delete_receipt_line(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_receipt_line(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_receipt_line(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_receipt_lines([record]), 1)
        self.assertEqual(self.client.list_receipt_lines().items, [record])
        page = self.client.list_receipt_lines_of_receipt(record.image_id, record.receipt_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_receipt_lines([record]), 1)
        self.assertEqual(self.client.list_receipt_lines().items, [])


if __name__ == "__main__":
    unittest.main()
