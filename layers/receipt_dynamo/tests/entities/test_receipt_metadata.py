"""Tests of the receipt metadata entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import ValidationStatus
from receipt_dynamo.entities import ReceiptMetadata
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> ReceiptMetadata:
    """A valid receipt metadata."""
    return ReceiptMetadata(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        merchant_name="Corner Grocer",
        merchant_category="some merchant category",
        matched_fields=["first", "second"],
        validated_by="some validated by",
        validation_status=ValidationStatus.VALID,
        matched_at=MOMENT,
    )


class ReceiptMetadataTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(ReceiptMetadata.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            place_id="place-1",
            address="some address",
            phone_number="some phone number",
        )
        self.assertEqual(ReceiptMetadata.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007#METADATA#MERCHANT")
        self.assertEqual(sample().index_keys()["GSI1PK"], "MERCHANT#Corner Grocer")
        self.assertEqual(sample().index_keys()["GSI2PK"], "METADATA_STATUS#VALID")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "merchant_name": "a#b",
            "merchant_category": "",
            "matched_fields": "first",
            "validated_by": "",
            "validation_status": "WRONG",
            "matched_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            ReceiptMetadata.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["matched_at"]
        with self.assertRaises(InvalidItem):
            ReceiptMetadata.from_item(item)


class ReceiptMetadataClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_receipt_metadata(record)
        with self.assertRaises(EntityExists):
            self.client.add_receipt_metadata(record)
        self.client.update_receipt_metadata(record)
        key = (record.image_id, record.receipt_id)
        self.assertEqual(self.client.get_receipt_metadata(*key), record)
        self.assertEqual(self.client.get_receipt_metadata_records_by_keys([key, key]), [record])
        self.client.delete_receipt_metadata(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_receipt_metadata(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_receipt_metadata(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_receipt_metadata_records([record]), 1)
        self.assertEqual(self.client.list_receipt_metadata_records().items, [record])
        page = self.client.list_receipt_metadata_records_of_image(record.image_id)
        self.assertEqual(page.items, [record])
        page = self.client.list_receipt_metadata_records_by_merchant(record.merchant_name)
        self.assertEqual(page.items, [record])
        page = self.client.list_receipt_metadata_records_by_status(record.validation_status)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_receipt_metadata_records([record]), 1)
        self.assertEqual(self.client.list_receipt_metadata_records().items, [])


if __name__ == "__main__":
    unittest.main()
