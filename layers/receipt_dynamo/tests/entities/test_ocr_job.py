"""Tests of the ocr job entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import OcrJobType, OcrStatus
from receipt_dynamo.entities import OcrJob
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> OcrJob:
    """A valid ocr job."""
    return OcrJob(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        job_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        bucket="receipts-site",
        object_key="assets/1.png",
        status=OcrStatus.PENDING,
        job_type=OcrJobType.FIRST_PASS,
        created_at=MOMENT,
    )


class OcrJobTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(OcrJob.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            receipt_id=7,
            updated_at=MOMENT,
        )
        self.assertEqual(OcrJob.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "OCR_JOB#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(sample().index_keys()["GSI1PK"], "OCR_STATUS#PENDING")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "job_id": "not-a-uuid",
            "bucket": "",
            "object_key": "",
            "status": "WRONG",
            "job_type": "WRONG",
            "created_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            OcrJob.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["created_at"]
        with self.assertRaises(InvalidItem):
            OcrJob.from_item(item)


class OcrJobClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_ocr_job(record)
        with self.assertRaises(EntityExists):
            self.client.add_ocr_job(record)
        self.client.update_ocr_job(record)
        key = (record.image_id, record.job_id)
        self.assertEqual(self.client.get_ocr_job(*key), record)
        self.assertEqual(self.client.get_ocr_jobs_by_keys([key, key]), [record])
        self.client.delete_ocr_job(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_ocr_job(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_ocr_job(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_ocr_jobs([record]), 1)
        self.assertEqual(self.client.list_ocr_jobs().items, [record])
        page = self.client.list_ocr_jobs_of_image(record.image_id)
        self.assertEqual(page.items, [record])
        page = self.client.list_ocr_jobs_by_status(record.status)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_ocr_jobs([record]), 1)
        self.assertEqual(self.client.list_ocr_jobs().items, [])


if __name__ == "__main__":
    unittest.main()
