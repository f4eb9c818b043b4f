"""Tests of the receipt validation entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import ReceiptValidation
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> ReceiptValidation:
    """A valid receipt validation."""
    return ReceiptValidation(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        check_name="items_sum_to_subtotal",
        passed=True,
        message="some message",
        words=["first", "second"],
        checked_at=MOMENT,
    )


class ReceiptValidationTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(ReceiptValidation.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            expected=12.5,
            actual=12.5,
        )
        self.assertEqual(ReceiptValidation.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007#CHECK#items_sum_to_subtotal")
        self.assertEqual(sample().index_keys()["GSI1PK"], "CHECK#items_sum_to_subtotal")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "check_name": "a#b",
            "passed": "yes",
            "message": "",
            "words": "first",
            "checked_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            ReceiptValidation.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["checked_at"]
        with self.assertRaises(InvalidItem):
            ReceiptValidation.from_item(item)


class ReceiptValidationClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_receipt_validation(record)
        with self.assertRaises(EntityExists):
            self.client.add_receipt_validation(record)
        self.client.update_receipt_validation(record)
        key = (record.image_id, record.receipt_id, record.check_name)
        self.assertEqual(self.client.get_receipt_validation(*key), record)
        self.assertEqual(self.client.get_receipt_validations_by_keys([key, key]), [record])
        self.client.delete_receipt_validation(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_receipt_validation(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_receipt_validation(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_receipt_validations([record]), 1)
        self.assertEqual(self.client.list_receipt_validations().items, [record])
        page = self.client.list_receipt_validations_of_receipt(
            record.image_id, record.receipt_id
        )
        self.assertEqual(page.items, [record])
        page = self.client.list_receipt_validations_by_check(record.check_name)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_receipt_validations([record]), 1)
        self.assertEqual(self.client.list_receipt_validations().items, [])


if __name__ == "__main__":
    unittest.main()
