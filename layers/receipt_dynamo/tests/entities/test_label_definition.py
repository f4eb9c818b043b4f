"""Tests of the label definition entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import LabelDefinition
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> LabelDefinition:
    """A valid label definition."""
    return LabelDefinition(
        label="GRAND_TOTAL",
        description="some description",
        examples=["first", "second"],
        pattern_names=["first", "second"],
        required=True,
        unique=True,
        updated_at=MOMENT,
    )


class LabelDefinitionTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(LabelDefinition.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "LABELS#ALL")
        self.assertEqual(key.sk, "LABEL#GRAND_TOTAL")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "label": "a#b",
            "description": "",
            "examples": "first",
            "pattern_names": "first",
            "required": "yes",
            "unique": "yes",
            "updated_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            LabelDefinition.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["updated_at"]
        with self.assertRaises(InvalidItem):
            LabelDefinition.from_item(item)


class LabelDefinitionClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_label_definition(record)
        with self.assertRaises(EntityExists):
            self.client.add_label_definition(record)
        self.client.update_label_definition(record)
        key = (record.label,)
        self.assertEqual(self.client.get_label_definition(*key), record)
        self.assertEqual(self.client.get_label_definitions_by_keys([key, key]), [record])
        self.client.delete_label_definition(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_label_definition(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_label_definition(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_label_definitions([record]), 1)
        self.assertEqual(self.client.list_label_definitions().items, [record])
        self.assertEqual(self.client.delete_label_definitions([record]), 1)
        self.assertEqual(self.client.list_label_definitions().items, [])


if __name__ == "__main__":
    unittest.main()
