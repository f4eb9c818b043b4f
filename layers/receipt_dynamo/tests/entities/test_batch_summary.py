"""Tests of the batch summary entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import BatchStatus, BatchType
from receipt_dynamo.entities import BatchSummary
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> BatchSummary:
    """A valid batch summary."""
    return BatchSummary(
        batch_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        batch_type=BatchType.EMBEDDING,
        service_batch_id="some service batch id",
        status=BatchStatus.IN_PROGRESS,
        word_count=3,
        receipts=["first", "second"],
        submitted_at=MOMENT,
    )


class BatchSummaryTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(BatchSummary.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "BATCH#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "BATCH")
        self.assertEqual(sample().index_keys()["GSI1PK"], "BATCH_STATUS#IN_PROGRESS")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "batch_id": "not-a-uuid",
            "batch_type": "WRONG",
            "service_batch_id": "",
            "status": "WRONG",
            "word_count": -1,
            "receipts": "first",
            "submitted_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            BatchSummary.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["submitted_at"]
        with self.assertRaises(InvalidItem):
            BatchSummary.from_item(item)


class BatchSummaryClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_batch_summary(record)
        with self.assertRaises(EntityExists):
            self.client.add_batch_summary(record)
        self.client.update_batch_summary(record)
        key = (record.batch_id,)
        self.assertEqual(self.client.get_batch_summary(*key), record)
        self.assertEqual(self.client.get_batch_summaries_by_keys([key, key]), [record])
        self.client.delete_batch_summary(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_batch_summary(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_batch_summary(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_batch_summaries([record]), 1)
        self.assertEqual(self.client.list_batch_summaries().items, [record])
        page = self.client.list_batch_summaries_by_status(record.status)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_batch_summaries([record]), 1)
        self.assertEqual(self.client.list_batch_summaries().items, [])


if __name__ == "__main__":
    unittest.main()
