"""Tests of the function's entry and of reading and writing the table."""

from __future__ import annotations

import json
import logging
import os
import unittest
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from receipt_dynamo import DynamoClient
from receipt_dynamo.constants import ValidationStatus
from receipt_dynamo.entities import BoundingBox, Point, Receipt, ReceiptWord
from receipt_dynamo.memory import MemoryTable

from receipt_label import handler, receipt_from_text
from receipt_label.errors import BadEvent
from receipt_label.tests.examples import GROCER

IMAGE_ID = "3f52804b-2fad-4e00-92c8-b593da3a8ed3"


def client_with_receipt() -> DynamoClient:
    """A client of a table with the grocer's receipt."""
    client = DynamoClient("receipts", MemoryTable("receipts"))
    client.add_receipt(
        Receipt(
            image_id=IMAGE_ID,
            receipt_id=1,
            width=600,
            height=1400,
            top_left=Point(0.0, 1.0),
            top_right=Point(1.0, 1.0),
            bottom_left=Point(0.0, 0.0),
            bottom_right=Point(1.0, 0.0),
            bucket="receipts",
            object_key="1.png",
            added_at=datetime(2024, 5, 17, tzinfo=timezone.utc),
        )
    )
    client.put_receipt_words(
        ReceiptWord(
            image_id=IMAGE_ID,
            receipt_id=1,
            line_id=word.line_id,
            word_id=word.word_id,
            text=word.text,
            bounding_box=BoundingBox(
                word.box.left, word.box.bottom, word.box.width, word.box.height
            ),
            top_left=Point(word.box.left, word.box.top),
            top_right=Point(word.box.right, word.box.top),
            bottom_left=Point(word.box.left, word.box.bottom),
            bottom_right=Point(word.box.right, word.box.bottom),
            angle_degrees=0.0,
            confidence=0.98,
            is_noise=False,
        )
        for word in receipt_from_text(GROCER).words()
    )
    return client


class HandlerTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = client_with_receipt()
        handler.use_client(self.client)
        self.addCleanup(handler.use_client, None)
        environment = mock.patch.dict(os.environ, {"RECEIPTS_TABLE": "receipts"})
        environment.start()
        self.addCleanup(environment.stop)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """Call the handler as the platform does."""
        return handler.handler(event, None)

    def labels(self) -> list[Any]:
        """The labels in the table."""
        return self.client.list_word_labels_of_receipt(IMAGE_ID, 1).items

    def test_one_receipt(self) -> None:
        answer = self.call({"image_id": IMAGE_ID, "receipt_id": 1})["results"][0]
        self.assertEqual(answer["status"], "consistent")
        self.assertEqual(answer["merchant"], "Corner Grocer")
        self.assertEqual(answer["written"], len(self.labels()))
        self.assertEqual(answer["labels"]["GRAND_TOTAL"], 1)

    def test_again_changes_nothing_but_the_time(self) -> None:
        event = {"receipts": [{"image_id": IMAGE_ID, "receipt_id": 1}]}
        self.call(event)
        before = [label.key for label in self.labels()]
        self.call(event)
        self.assertEqual([label.key for label in self.labels()], before)

    def test_confirmed_labels_stay(self) -> None:
        event = {"image_id": IMAGE_ID, "receipt_id": 1}
        self.call(event)
        confirmed = self.labels()[0].validated(ValidationStatus.VALID)
        self.client.update_word_label(confirmed)
        self.assertEqual(self.call(event)["results"][0]["kept"], 1)
        self.assertIn(confirmed, self.labels())

    def test_dry_run(self) -> None:
        with mock.patch.dict(os.environ, {"RECEIPT_DRY_RUN": "true"}):
            self.call({"image_id": IMAGE_ID, "receipt_id": 1})
        self.assertEqual(self.labels(), [])

    def test_messages_fail_one_by_one(self) -> None:
        good = json.dumps({"image_id": IMAGE_ID, "receipt_id": 1})
        records = [
            {"messageId": "a", "body": good},
            {"messageId": "b", "body": "nonsense"},
            {"messageId": "c", "body": "{}"},
        ]
        answer = self.call({"Records": records})
        failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        self.assertEqual(failed, ["b", "c"])

    def test_missing_receipt_and_bad_event(self) -> None:
        answer = self.call({"image_id": IMAGE_ID, "receipt_id": 2})
        self.assertEqual(answer["results"][0]["status"], "not_found")
        with self.assertRaises(BadEvent):
            self.call({"receipt_id": 2})


if __name__ == "__main__":
    unittest.main()
