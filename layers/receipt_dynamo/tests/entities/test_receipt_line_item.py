"""Tests of the receipt line item entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import ValidationStatus
from receipt_dynamo.entities import ReceiptLineItem
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> ReceiptLineItem:
    """A valid receipt line item."""
    return ReceiptLineItem(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        item_number=7,
        description="some description",
        total_price=12.5,
        line_ids=["first", "second"],
        validation_status=ValidationStatus.NONE,
        created_at=MOMENT,
    )


class ReceiptLineItemTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(ReceiptLineItem.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            quantity=12.5,
            unit="some unit",
            unit_price=12.5,
            discount=12.5,
        )
        self.assertEqual(ReceiptLineItem.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007#ITEM#00007")
        self.assertEqual(sample().index_keys()["GSI2PK"], "ITEM_STATUS#NONE")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "item_number": 0,
            "description": "",
            "total_price": float("nan"),
            "line_ids": "first",
            "validation_status": "WRONG",
            "created_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            ReceiptLineItem.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["created_at"]
        with self.assertRaises(InvalidItem):
            ReceiptLineItem.from_item(item)


class ReceiptLineItemClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_receipt_line_item(record)
        with self.assertRaises(EntityExists):
            self.client.add_receipt_line_item(record)
        self.client.update_receipt_line_item(record)
        key = (record.image_id, record.receipt_id, record.item_number)
        self.assertEqual(self.client.get_receipt_line_item(*key), record)
        self.assertEqual(self.client.get_receipt_line_items_by_keys([key, key]), [record])
        self.client.delete_receipt_line_item(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_receipt_line_item(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_receipt_line_item(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_receipt_line_items([record]), 1)
        self.assertEqual(self.client.list_receipt_line_items().items, [record])
        page = self.client.list_receipt_line_items_of_receipt(
            record.image_id, record.receipt_id
        )
        self.assertEqual(page.items, [record])
        page = self.client.list_receipt_line_items_by_status(record.validation_status)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_receipt_line_items([record]), 1)
        self.assertEqual(self.client.list_receipt_line_items().items, [])


if __name__ == "__main__":
    unittest.main()
