"""Tests of the instance entity and the client's methods for it."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import datetime, timezone

from receipt_dynamo.constants import InstanceStatus
from receipt_dynamo.entities import Instance
from receipt_dynamo.exceptions import EntityExists, EntityNotFound, InvalidEntity, InvalidItem
from receipt_dynamo.tests.helpers import new_client

MOMENT = datetime(2024, 5, 17, 9, 30, tzinfo=timezone.utc)


def sample() -> Instance:
    """A valid instance."""
    return Instance(
        instance_id="i-0a1b2c3d",
        instance_type="some instance type",
        gpu_count=3,
        status=InstanceStatus.RUNNING,
        is_spot=True,
        launched_at=MOMENT,
        last_seen_at=MOMENT,
    )


class InstanceTest(unittest.TestCase):
    def test_round_trip(self) -> None:
        record = sample()
        self.assertEqual(Instance.from_item(record.to_item()), record)

    def test_round_trip_with_optional_fields(self) -> None:
        record = replace(
            sample(),
            ip_address="some ip address",
        )
        self.assertEqual(Instance.from_item(record.to_item()), record)

    def test_keys(self) -> None:
        key = sample().key
        self.assertEqual(key.pk, "INSTANCE#i-0a1b2c3d")
        self.assertEqual(key.sk, "INSTANCE")
        self.assertEqual(sample().index_keys()["GSI1PK"], "INSTANCE_STATUS#RUNNING")

    def test_refuses_invalid_fields(self) -> None:
        wrong = {
            "instance_id": "a#b",
            "instance_type": "",
            "gpu_count": -1,
            "status": "WRONG",
            "is_spot": "yes",
            "launched_at": datetime(2024, 5, 1),
            "last_seen_at": datetime(2024, 5, 1),
        }
        for field, value in wrong.items():
            with self.subTest(field=field), self.assertRaises(InvalidEntity):
                replace(sample(), **{field: value})

    def test_refuses_broken_items(self) -> None:
        item = sample().to_item()
        with self.assertRaises(InvalidItem):
            Instance.from_item({**item, "TYPE": {"S": "SOMETHING_ELSE"}})
        del item["last_seen_at"]
        with self.assertRaises(InvalidItem):
            Instance.from_item(item)


class InstanceClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = new_client()

    def test_add_get_update_delete(self) -> None:
        record = sample()
        self.client.add_instance(record)
        with self.assertRaises(EntityExists):
            self.client.add_instance(record)
        self.client.update_instance(record)
        key = (record.instance_id,)
        self.assertEqual(self.client.get_instance(*key), record)
        self.assertEqual(self.client.get_instances_by_keys([key, key]), [record])
        self.client.delete_instance(*key)
        with self.assertRaises(EntityNotFound):
            self.client.get_instance(*key)
        with self.assertRaises(EntityNotFound):
            self.client.update_instance(record)

    def test_lists(self) -> None:
        record = sample()
        self.assertEqual(self.client.put_instances([record]), 1)
        self.assertEqual(self.client.list_instances().items, [record])
        page = self.client.list_instances_by_status(record.status)
        self.assertEqual(page.items, [record])
        self.assertEqual(self.client.delete_instances([record]), 1)
        self.assertEqual(self.client.list_instances().items, [])


if __name__ == "__main__":
    unittest.main()
