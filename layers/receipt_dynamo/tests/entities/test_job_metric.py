"""Tests of the job metric entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.entities import JobMetric
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> JobMetric:
    """A valid job metric."""
    return JobMetric(
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        metric="loss",
        measured_at=MOMENT,
        value=12.5,
    )


class JobMetricTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(JobMetric.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            unit="some unit",
            step=3,
            epoch=3,
        )
        self.assertEqual(JobMetric.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "METRIC#loss#AT#2024-05-17T09:30:00+00:00")
        self.assertEqual(sample().index_keys()["GSI1PK"], "METRIC#loss")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "job_id": "not-a-uuid",
            "metric": "a#b",
            "measured_at": datetime(2024, 5, 1),
            "value": float("nan"),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            JobMetric.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["value"]
        with self.assertRaises(InvalidItem):
            JobMetric.from_item(item)


class JobMetricClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_job_metric(record)
        with self.assertRaises(EntityExists):
            self.client.add_job_metric(record)
        self.client.update_job_metric(record)
        key = (record.job_id, record.metric, record.measured_at)
        self.assertEqual(self.client.get_job_metric(*key), record)
        self.assertEqual(self.client.get_job_metrics_by_keys([key, key]), [record])
        self.client.delete_job_metric(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_job_metric(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_job_metric(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_job_metrics([record]), 1)
        self.assertEqual(self.client.list_job_metrics().items, [record])
        page = self.client.list_job_metrics_of_job(record.job_id)
        self.assertEqual(page.items, [record])
        page = self.client.list_job_metrics_of_metric(record.job_id, record.metric)
        self.assertEqual(page.items, [record])
        page = self.client.list_job_metrics_by_name(record.metric)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_job_metrics([record]), 1)
        self.assertEqual(self.client.list_job_metrics().items, [])


if __name__ == "__main__":
    unittest.main()
