"""Tests of the queue entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import JobPriority
from receipt_dynamo.entities import Queue
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> Queue:
    """A valid queue."""
    return Queue(
        queue_name="training",
        description="some description",
        max_concurrent_jobs=7,
        priority=JobPriority.MEDIUM,
        job_count=3,
        is_paused=True,
        created_at=MOMENT,
    )


class QueueTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(Queue.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "QUEUE#training")
        self.assertEqual(key.sk, "QUEUE")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "queue_name": "a#b",
            "description": "",
            "max_concurrent_jobs": 0,
            "priority": "WRONG",
            "job_count": -1,
            "is_paused": "yes",
            "created_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            Queue.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["created_at"]
        with self.assertRaises(InvalidItem):
            Queue.from_item(item)


class QueueClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_queue(record)
        with self.assertRaises(EntityExists):
            self.client.add_queue(record)
        self.client.update_queue(record)
        key = (record.queue_name,)
        self.assertEqual(self.client.get_queue(*key), record)
        self.assertEqual(self.client.get_queues_by_keys([key, key]), [record])
        self.client.delete_queue(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_queue(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_queue(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_queues([record]), 1)
        self.assertEqual(self.client.list_queues().items, [record])
        self.assertEqual(self.client.delete_queues([record]), 1)
        self.assertEqual(self.client.list_queues().items, [])


if __name__ == "__main__":
    unittest.main()
