"""Tests of the receipt section entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import SectionType
from receipt_dynamo.entities import ReceiptSection
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> ReceiptSection:
    """A valid receipt section."""
    return ReceiptSection(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        section=SectionType.HEADER,
        first_line_id=7,
        last_line_id=7,
        confidence=0.875,
        model="some model",
        created_at=MOMENT,
    )


class ReceiptSectionTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(ReceiptSection.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007#SECTION#HEADER")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "section": "WRONG",
            "first_line_id": 0,
            "last_line_id": 0,
            "confidence": 1.5,
            "model": "",
            "created_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            ReceiptSection.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["created_at"]
        with self.assertRaises(InvalidItem):
            ReceiptSection.from_item(item)


class ReceiptSectionClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_receipt_section(record)
        with self.assertRaises(EntityExists):
            self.client.add_receipt_section(record)
        self.client.update_receipt_section(record)
        key = (record.image_id, record.receipt_id, record.section)
        self.assertEqual(self.client.get_receipt_section(*key), record)
        self.assertEqual(self.client.get_receipt_sections_by_keys([key, key]), [record])
        self.client.delete_receipt_section(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_receipt_section(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_receipt_section(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_receipt_sections([record]), 1)
        self.assertEqual(self.client.list_receipt_sections().items, [record])
        page = self.client.list_receipt_sections_of_receipt(record.image_id, record.receipt_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_receipt_sections([record]), 1)
        self.assertEqual(self.client.list_receipt_sections().items, [])


if __name__ == "__main__":
    unittest.main()
