"""Tests of the job entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import JobPriority, JobStatus
from receipt_dynamo.entities import Job
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> Job:
    """A valid job."""
    return Job(
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        name="some name",
        description="some description",
        created_by="ada",
        status=JobStatus.PENDING,
        priority=JobPriority.HIGH,
        settings={"colour": "grey"},
        tags={"colour": "grey"},
        created_at=MOMENT,
    )


class JobTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(Job.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            estimated_minutes=3,
        )
        self.assertEqual(Job.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "JOB")
        self.assertEqual(sample().index_keys()["GSI1PK"], "JOB_STATUS#PENDING")
        self.assertEqual(sample().index_keys()["GSI2PK"], "JOB_USER#ada")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "job_id": "not-a-uuid",
            "name": "",
            "description": "",
            "created_by": "a#b",
            "status": "WRONG",
            "priority": "WRONG",
            "settings": {"colour": 3},
            "tags": {"colour": 3},
            "created_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            Job.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["created_at"]
        with self.assertRaises(InvalidItem):
            Job.from_item(item)


class JobClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_job(record)
        with self.assertRaises(EntityExists):
            self.client.add_job(record)
        self.client.update_job(record)
        key = (record.job_id,)
        self.assertEqual(self.client.get_job(*key), record)
        self.assertEqual(self.client.get_jobs_by_keys([key, key]), [record])
        self.client.delete_job(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_job(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_job(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_jobs([record]), 1)
        self.assertEqual(self.client.list_jobs().items, [record])
        page = self.client.list_jobs_by_status(record.status)
        self.assertEqual(page.items, [record])
        page = self.client.list_jobs_by_user(record.created_by)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_jobs([record]), 1)
        self.assertEqual(self.client.list_jobs().items, [])


if __name__ == "__main__":
    unittest.main()
