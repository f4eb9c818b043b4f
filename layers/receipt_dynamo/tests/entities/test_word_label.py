"""Tests of the word label entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import ValidationStatus
from receipt_dynamo.entities import WordLabel
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> WordLabel:
    """A valid word label."""
    return WordLabel(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        receipt_id=7,
        line_id=7,
        word_id=7,
        label="GRAND_TOTAL",
        proposed_by="some proposed by",
        validation_status=ValidationStatus.PENDING,
        labelled_at=MOMENT,
    )


class WordLabelTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(WordLabel.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            reasoning="some reasoning",
            confidence=0.875,
        )
        self.assertEqual(WordLabel.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "RECEIPT#00007#LINE#00007#WORD#00007#LABEL#GRAND_TOTAL")
        self.assertEqual(sample().index_keys()["GSI1PK"], "LABEL#GRAND_TOTAL")
        self.assertEqual(sample().index_keys()["GSI2PK"], "LABEL_STATUS#PENDING")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "receipt_id": 0,
            "line_id": 0,
            "word_id": 0,
            "label": "a#b",
            "proposed_by": "",
            "validation_status": "WRONG",
            "labelled_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            WordLabel.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["labelled_at"]
        with self.assertRaises(InvalidItem):
            WordLabel.from_item(item)


class WordLabelClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_word_label(record)
        with self.assertRaises(EntityExists):
            self.client.add_word_label(record)
        self.client.update_word_label(record)
        key = (record.image_id, record.receipt_id, record.line_id, record.word_id, record.label)
        self.assertEqual(self.client.get_word_label(*key), record)
        self.assertEqual(self.client.get_word_labels_by_keys([key, key]), [record])
        self.client.delete_word_label(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_word_label(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_word_label(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_word_labels([record]), 1)
        self.assertEqual(self.client.list_word_labels().items, [record])
        page = self.client.list_word_labels_of_receipt(record.image_id, record.receipt_id)
        self.assertEqual(page.items, [record])
        page = self.client.list_word_labels_of_word(
            record.image_id, record.receipt_id, record.line_id, record.word_id
        )
        self.assertEqual(page.items, [record])
        page = self.client.list_word_labels_by_label(record.label)
        self.assertEqual(page.items, [record])
        page = self.client.list_word_labels_by_status(record.validation_status)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_word_labels([record]), 1)
        self.assertEqual(self.client.list_word_labels().items, [])


if __name__ == "__main__":
    unittest.main()
