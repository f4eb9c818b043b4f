"""Tests of the image entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import ImageType
from receipt_dynamo.entities import Image
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> Image:
    """A valid image."""
    return Image(
        image_id="3f52804b-2fad-4e00-92c8-b593da3a8ed3",
        width=7,
        height=7,
        image_type=ImageType.SCAN,
        raw_bucket="receipts-raw",
        raw_key="2024/05/scan.png",
        added_at=MOMENT,
    )


class ImageTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(Image.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            cdn_bucket="some cdn bucket",
            cdn_key="some cdn key",
            sha256="some sha256",
        )
        self.assertEqual(Image.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "IMAGE#3f52804b-2fad-4e00-92c8-b593da3a8ed3")
        self.assertEqual(key.sk, "PICTURE")
        self.assertEqual(sample().index_keys()["GSI1PK"], "IMAGE_TYPE#SCAN")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "image_id": "not-a-uuid",
            "width": 0,
            "height": 0,
            "image_type": "WRONG",
            "raw_bucket": "",
            "raw_key": "",
            "added_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            Image.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["added_at"]
        with self.assertRaises(InvalidItem):
            Image.from_item(item)


class ImageClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_image(record)
        with self.assertRaises(EntityExists):
            self.client.add_image(record)
        self.client.update_image(record)
        key = (record.image_id,)
        self.assertEqual(self.client.get_image(*key), record)
        self.assertEqual(self.client.get_images_by_keys([key, key]), [record])
        self.client.delete_image(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_image(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_image(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_images([record]), 1)
        self.assertEqual(self.client.list_images().items, [record])
        page = self.client.list_images_by_type(record.image_type)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_images([record]), 1)
        self.assertEqual(self.client.list_images().items, [])


if __name__ == "__main__":
    unittest.main()
