"""Tests of batches: cutting, retrying, giving up."""

from __future__ import annotations

import unittest

from receipt_dynamo import BatchIncomplete, DynamoClient, TableUnavailable
from receipt_dynamo.batching import chunked
from receipt_dynamo.memory import FlakyTable
from receipt_dynamo.retry import RetryPolicy
from receipt_dynamo.tests.helpers import IMPATIENT, new_client, word


class ChunkedTest(unittest.TestCase):
    def test_cuts_in_order(self) -> None:
        self.assertEqual(list(chunked(range(5), 2)), [[0, 1], [2, 3], [4]])
        self.assertEqual(list(chunked([], 2)), [])

    def test_refuses_size_zero(self) -> None:
        with self.assertRaises(ValueError):
            list(chunked([1], 0))


class BatchTest(unittest.TestCase):
    def test_more_than_one_batch(self) -> None:
        client = new_client()
        words = [word(line, number) for line in range(1, 21) for number in range(1, 8)]
        self.assertEqual(client.put_receipt_words(words), 140)
        keys = [(w.image_id, w.receipt_id, w.line_id, w.word_id) for w in words]
        self.assertEqual(client.get_receipt_words_by_keys(keys), words)
        self.assertEqual(client.delete_receipt_words(words), 140)
        self.assertEqual(client.list_receipt_words().items, [])

    def test_unprocessed_requests_are_sent_again(self) -> None:
        table = FlakyTable("receipts", throttled_calls=1, unprocessed_rounds=2)
        client = DynamoClient("receipts", table, IMPATIENT)
        client.put_receipt_words(word(1, number) for number in range(1, 11))
        self.assertEqual(len(table), 10)
        self.assertEqual(table.calls, 4)

    def test_gives_up_in_the_end(self) -> None:
        table = FlakyTable("receipts", unprocessed_rounds=99)
        policy = RetryPolicy(attempts=2, sleep=lambda seconds: None)
        client = DynamoClient("receipts", table, policy)
        with self.assertRaises(BatchIncomplete) as caught:
            client.put_receipt_words(word(1, number) for number in range(1, 21))
        self.assertEqual(caught.exception.unprocessed, 5)

    def test_throttling_for_ever_is_an_error_of_ours(self) -> None:
        table = FlakyTable("receipts", throttled_calls=99)
        client = DynamoClient("receipts", table, IMPATIENT)
        with self.assertRaises(TableUnavailable):
            client.add_receipt_word(word(1, 1))
        self.assertEqual(table.calls, 4)


class TransactionTest(unittest.TestCase):
    def test_all_or_nothing(self) -> None:
        client = new_client()
        client.put_together([word(1, 1), word(1, 2)])
        self.assertEqual(len(client.list_receipt_words()), 2)
        with self.assertRaises(ValueError):
            client.put_together(word(1, number) for number in range(1, 102))
        self.assertEqual(len(client.list_receipt_words()), 2)


if __name__ == "__main__":
    unittest.main()
