"""Tests of the label count entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import LabelCount
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> LabelCount:
    """A valid label count."""
    return LabelCount(
        label="GRAND_TOTAL",
        valid=3,
        invalid=3,
        pending=3,
        needs_review=3,
        counted_at=MOMENT,
    )


class LabelCountTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(LabelCount.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "LABEL_COUNTS#ALL")
        self.assertEqual(key.sk, "LABEL#GRAND_TOTAL")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "label": "a#b",
            "valid": -1,
            "invalid": -1,
            "pending": -1,
            "needs_review": -1,
            "counted_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            LabelCount.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["counted_at"]
        with self.assertRaises(InvalidItem):
            LabelCount.from_item(item)


class LabelCountClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_label_count(record)
        with self.assertRaises(EntityExists):
            self.client.add_label_count(record)
        self.client.update_label_count(record)
        key = (record.label,)
        self.assertEqual(self.client.get_label_count(*key), record)
        self.assertEqual(self.client.get_label_counts_by_keys([key, key]), [record])
        self.client.delete_label_count(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_label_count(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_label_count(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_label_counts([record]), 1)
        self.assertEqual(self.client.list_label_counts().items, [record])
        self.assertEqual(self.client.delete_label_counts([record]), 1)
        self.assertEqual(self.client.list_label_counts().items, [])


if __name__ == "__main__":
    unittest.main()
