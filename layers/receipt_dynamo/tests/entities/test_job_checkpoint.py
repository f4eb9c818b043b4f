"""Tests of the job checkpoint entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import JobCheckpoint
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> JobCheckpoint:
    """A valid job checkpoint."""
    return JobCheckpoint(
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        saved_at=MOMENT,
        bucket="receipts-site",
        object_key="assets/1.png",
        size_bytes=3,
        step=3,
        epoch=3,
        metrics={"loss": 0.25},
        has_optimizer=True,
        is_best=True,
    )


class JobCheckpointTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(JobCheckpoint.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "CHECKPOINT#2024-05-17T09:30:00+00:00")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "job_id": "not-a-uuid",
            "saved_at": datetime(2024, 5, 1),
            "bucket": "",
            "object_key": "",
            "size_bytes": -1,
            "step": -1,
            "epoch": -1,
            "metrics": {"loss": "low"},
            "has_optimizer": "yes",
            "is_best": "yes",
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            JobCheckpoint.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["is_best"]
        with self.assertRaises(InvalidItem):
            JobCheckpoint.from_item(item)


class JobCheckpointClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_job_checkpoint(record)
        with self.assertRaises(EntityExists):
            self.client.add_job_checkpoint(record)
        self.client.update_job_checkpoint(record)
        key = (record.job_id, record.saved_at)
        self.assertEqual(self.client.get_job_checkpoint(*key), record)
        self.assertEqual(self.client.get_job_checkpoints_by_keys([key, key]), [record])
        self.client.delete_job_checkpoint(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_job_checkpoint(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_job_checkpoint(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_job_checkpoints([record]), 1)
        self.assertEqual(self.client.list_job_checkpoints().items, [record])
        page = self.client.list_job_checkpoints_of_job(record.job_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_job_checkpoints([record]), 1)
        self.assertEqual(self.client.list_job_checkpoints().items, [])


if __name__ == "__main__":
    unittest.main()
