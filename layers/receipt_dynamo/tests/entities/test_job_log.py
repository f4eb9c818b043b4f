"""Tests of the job log entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import LogLevel
from receipt_dynamo.entities import JobLog
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> JobLog:
    """A valid job log."""
    return JobLog(
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        logged_at=MOMENT,
        level=LogLevel.WARNING,
        message="some message",
        source="some source",
    )


class JobLogTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(JobLog.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            exception="some exception",
        )
        self.assertEqual(JobLog.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "LOG#2024-05-17T09:30:00+00:00")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "job_id": "not-a-uuid",
            "logged_at": datetime(2024, 5, 1),
            "level": "WRONG",
            "message": "",
            "source": "",
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            JobLog.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["source"]
        with self.assertRaises(InvalidItem):
            JobLog.from_item(item)


class JobLogClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_job_log(record)
        with self.assertRaises(EntityExists):
            self.client.add_job_log(record)
        self.client.update_job_log(record)
        key = (record.job_id, record.logged_at)
        self.assertEqual(self.client.get_job_log(*key), record)
        self.assertEqual(self.client.get_job_logs_by_keys([key, key]), [record])
        self.client.delete_job_log(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_job_log(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_job_log(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_job_logs([record]), 1)
        self.assertEqual(self.client.list_job_logs().items, [record])
        page = self.client.list_job_logs_of_job(record.job_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_job_logs([record]), 1)
        self.assertEqual(self.client.list_job_logs().items, [])


if __name__ == "__main__":
    unittest.main()
