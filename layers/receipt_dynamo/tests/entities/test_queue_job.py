"""Tests of the queue job entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import JobPriority
from receipt_dynamo.entities import QueueJob
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> QueueJob:
    """A valid queue job."""
    return QueueJob(
        queue_name="training",
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        position=3,
        priority=JobPriority.LOW,
        enqueued_at=MOMENT,
    )


class QueueJobTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(QueueJob.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "QUEUE#training")
        self.assertEqual(key.sk, "JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        partition = sample().index_keys()["GSI1PK"]
        self.assertEqual(partition, f"QUEUED_JOB#{sample().job_id}")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "queue_name": "a#b",
            "job_id": "not-a-uuid",
            "position": -1,
            "priority": "WRONG",
            "enqueued_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            QueueJob.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["enqueued_at"]
        with self.assertRaises(InvalidItem):
            QueueJob.from_item(item)


class QueueJobClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_queue_job(record)
        with self.assertRaises(EntityExists):
            self.client.add_queue_job(record)
        self.client.update_queue_job(record)
        key = (record.queue_name, record.job_id)
        self.assertEqual(self.client.get_queue_job(*key), record)
        self.assertEqual(self.client.get_queue_jobs_by_keys([key, key]), [record])
        self.client.delete_queue_job(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_queue_job(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_queue_job(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_queue_jobs([record]), 1)
        self.assertEqual(self.client.list_queue_jobs().items, [record])
        page = self.client.list_queue_jobs_of_queue(record.queue_name)
        self.assertEqual(page.items, [record])
        page = self.client.list_queue_jobs_by_job(record.job_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_queue_jobs([record]), 1)
        self.assertEqual(self.client.list_queue_jobs().items, [])


if __name__ == "__main__":
    unittest.main()
