"""Tests of the receipt entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import Receipt
from receipt_dynamo.entities.geometry import Point
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> Receipt:
    """A valid receipt."""
    return Receipt(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        width=7,
        height=7,
        top_left=Point(0.1, 0.25),
        top_right=Point(0.1, 0.25),
        bottom_left=Point(0.1, 0.25),
        bottom_right=Point(0.1, 0.25),
        bucket="receipts-site",
        object_key="assets/1.png",
        added_at=MOMENT,
    )


class ReceiptTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(Receipt.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            sha256="some sha256",
        )
        self.assertEqual(Receipt.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007")
        self.assertEqual(sample().index_keys()["GSI1PK"], "RECEIPTS#ALL")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "width": 0,
            "height": 0,
            "top_left": (0.1, 0.25),
            "top_right": (0.1, 0.25),
            "bottom_left": (0.1, 0.25),
            "bottom_right": (0.1, 0.25),
            "bucket": "",
            "object_key": "",
            "added_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            Receipt.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["added_at"]
        with self.assertRaises(InvalidItem):
            Receipt.from_item(item)


class ReceiptClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_receipt(record)
        with self.assertRaises(EntityExists):
            self.client.add_receipt(record)
        self.client.update_receipt(record)
        key = (record.image_id, record.receipt_id)
        self.assertEqual(self.client.get_receipt(*key), record)
        self.assertEqual(self.client.get_receipts_by_keys([key, key]), [record])
        self.client.delete_receipt(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_receipt(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_receipt(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_receipts([record]), 1)
        self.assertEqual(self.client.list_receipts().items, [record])
        page = self.client.list_receipts_of_image(record.image_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_receipts([record]), 1)
        self.assertEqual(self.client.list_receipts().items, [])


if __name__ == "__main__":
    unittest.main()
