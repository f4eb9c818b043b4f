"""Tests of the place entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import SearchType
from receipt_dynamo.entities import Place
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> Place:
    """A valid place."""
    return Place(
        search_type=SearchType.PHONE,
        search_value="+15550100",
        place_id="place-1",
        name="some name",
        types=["first", "second"],
        query_count=3,
        fetched_at=MOMENT,
    )


class PlaceTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(Place.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            formatted_address="some formatted address",
            phone_number="some phone number",
            website="some website",
        )
        self.assertEqual(Place.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "PLACES#PHONE")
        self.assertEqual(key.sk, "VALUE#+15550100")
        self.assertEqual(sample().index_keys()["GSI1PK"], "PLACE_ID#place-1")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "search_type": "WRONG",
            "search_value": "a#b",
            "place_id": "a#b",
            "name": "",
            "types": "first",
            "query_count": -1,
            "fetched_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            Place.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["fetched_at"]
        with self.assertRaises(InvalidItem):
            Place.from_item(item)


class PlaceClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_place(record)
        with self.assertRaises(EntityExists):
            self.client.add_place(record)
        self.client.update_place(record)
        key = (record.search_type, record.search_value)
        self.assertEqual(self.client.get_place(*key), record)
        self.assertEqual(self.client.get_places_by_keys([key, key]), [record])
        self.client.delete_place(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_place(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_place(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_places([record]), 1)
        self.assertEqual(self.client.list_places().items, [record])
        page = self.client.list_places_of_search_type(record.search_type)
        self.assertEqual(page.items, [record])
        page = self.client.list_places_by_place_id(record.place_id)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_places([record]), 1)
        self.assertEqual(self.client.list_places().items, [])


if __name__ == "__main__":
    unittest.main()
