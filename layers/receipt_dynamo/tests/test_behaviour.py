"""Tests of what single entities know beyond their fields."""

from __future__ import annotations

import unittest
from dataclasses import replace
from datetime import timedelta

from receipt_dynamo.constants import JobStatus
from receipt_dynamo.entities import ALL_ENTITIES, ENTITY_TYPES
from receipt_dynamo.retry import RetryPolicy
from receipt_dynamo.tests.entities import (
    test_image,
    test_instance,
    test_job,
    test_job_checkpoint,
    test_label_count,
    test_place,
    test_queue,
    test_receipt,
    test_receipt_line_item,
    test_receipt_section,
)
from receipt_dynamo.tests.helpers import IMAGE_ID, new_client, word


class BehaviourTest(unittest.TestCase):
    def test_types_are_distinct(self) -> None:
        self.assertEqual(len(ENTITY_TYPES), len(ALL_ENTITIES))

    def test_a_final_job_stays_as_it_is(self) -> None:
        job = test_job.sample().moved_to(JobStatus.RUNNING).moved_to(JobStatus.FAILED)
        with self.assertRaises(ValueError):
            job.moved_to(JobStatus.RUNNING)

    def test_line_items_add_up(self) -> None:
        item = replace(test_receipt_line_item.sample(), quantity=2.0, unit_price=6.25)
        self.assertTrue(item.adds_up())
        self.assertFalse(replace(item, discount=1.0).adds_up())

    def test_label_precision(self) -> None:
        count = replace(test_label_count.sample(), valid=3, invalid=1)
        self.assertEqual(count.precision, 0.75)
        self.assertIsNone(replace(count, valid=0, invalid=0).precision)

    def test_places_grow_stale(self) -> None:
        place = test_place.sample()
        self.assertFalse(place.is_stale(place.fetched_at + timedelta(days=29)))
        self.assertTrue(place.is_stale(place.fetched_at + timedelta(days=30)))
        self.assertEqual(place.used_again().query_count, place.query_count + 1)

    def test_silent_instances(self) -> None:
        instance = test_instance.sample()
        later = instance.last_seen_at + timedelta(minutes=5)
        self.assertTrue(instance.is_silent(later))

    def test_queues_and_sections(self) -> None:
        queue = replace(test_queue.sample(), is_paused=False, max_concurrent_jobs=2)
        self.assertTrue(queue.has_room(1))
        self.assertFalse(queue.has_room(2))
        self.assertTrue(test_receipt_section.sample().holds_line(7))

    def test_best_checkpoint(self) -> None:
        client = new_client()
        first = test_job_checkpoint.sample()
        second = replace(first, saved_at=first.saved_at + timedelta(hours=1), is_best=False)
        client.put_job_checkpoints([first, second])
        self.assertEqual(client.get_best_job_checkpoint(first.job_id), first)

    def test_deleting_an_image_takes_its_records_along(self) -> None:
        client = new_client(page_size=2)
        client.add_image(test_image.sample())
        client.add_receipt(test_receipt.sample())
        client.put_receipt_words(word(1, number) for number in range(1, 5))
        self.assertEqual(client.delete_image_partition(IMAGE_ID), 6)
        self.assertEqual(client.scan_items().items, [])


class RetryTest(unittest.TestCase):
    def test_pauses_grow_and_are_bounded(self) -> None:
        policy = RetryPolicy(attempts=6, first_pause=1.0, longest_pause=5.0, jitter=0.0)
        self.assertEqual(list(policy.pauses()), [1.0, 2.0, 4.0, 5.0, 5.0])

    def test_other_errors_are_not_retried(self) -> None:
        calls = []

        def action() -> None:
            calls.append(1)
            raise KeyError("no")

        with self.assertRaises(KeyError):
            RetryPolicy(sleep=lambda seconds: None).run(action)
        self.assertEqual(len(calls), 1)


if __name__ == "__main__":
    unittest.main()
