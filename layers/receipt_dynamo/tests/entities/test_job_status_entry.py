"""Tests of the job status entry entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import JobStatus
from receipt_dynamo.entities import JobStatusEntry
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> JobStatusEntry:
    """A valid job status entry."""
    return JobStatusEntry(
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        changed_at=MOMENT,
        status=JobStatus.RUNNING,
        changed_by="some changed by",
    )


class JobStatusEntryTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(JobStatusEntry.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            progress=0.875,
            message="some message",
        )
        self.assertEqual(JobStatusEntry.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "STATUS_AT#2024-05-17T09:30:00+00:00")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "job_id": "not-a-uuid",
            "changed_at": datetime(2024, 5, 1),
            "status": "WRONG",
            "changed_by": "",
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            JobStatusEntry.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["changed_by"]
        with self.assertRaises(InvalidItem):
            JobStatusEntry.from_item(item)


class JobStatusEntryClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_job_status_entry(record)
        with self.assertRaises(EntityExists):
            self.client.add_job_status_entry(record)
        self.client.update_job_status_entry(record)
        key = (record.job_id, record.changed_at)
        self.assertEqual(self.client.get_job_status_entry(*key), record)
        self.assertEqual(self.client.get_job_status_entries_by_keys([key, key]), [record])
        self.client.delete_job_status_entry(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_job_status_entry(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_job_status_entry(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_job_status_entries([record]), 1)
        self.assertEqual(self.client.list_job_status_entries().items, [record])
        page = self.client.list_job_status_entries_of_job(record.job_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_job_status_entries([record]), 1)
        self.assertEqual(self.client.list_job_status_entries().items, [])


if __name__ == "__main__":
    unittest.main()
