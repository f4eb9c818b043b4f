"""Batch requests: cut to the service's limits, unprocessed rests sent again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

from .constants import MAX_BATCH_GET, MAX_BATCH_WRITE
from .exceptions import BatchIncomplete
from .keys import Key
from .retry import RetryPolicy

T = TypeVar("T")
Item = dict[str, Any]


class BatchCapable(Protocol):
    """The part of a DynamoDB client that batches need."""

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Put and delete up to 25 items."""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read up to 100 items."""


def chunked(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` things each, in order."""
    if size < 1:
        raise ValueError("size must be at least 1")
    source = iter(things)
    while chunk := list(islice(source, size)):
        yield chunk


def put_request(item: Item) -> Item:
    """An item to be written by a batch."""
    return {"PutRequest": {"Item": item}}


def delete_request(key: Key) -> Item:
    """A key to be deleted by a batch."""
    return {"DeleteRequest": {"Key": key.to_item()}}


def write_all(
    service: BatchCapable, table: str, requests: Iterable[Item], policy: RetryPolicy
) -> int:
    """Send put and delete requests; returns how many there were.

    Raises:
        BatchIncomplete: the service kept returning requests as unprocessed.
    """
    sent = 0
    for chunk in chunked(requests, MAX_BATCH_WRITE):
        _write_chunk(service, table, chunk, policy)
        sent += len(chunk)
    return sent


def _write_chunk(
    service: BatchCapable, table: str, chunk: list[Item], policy: RetryPolicy
) -> None:
    pauses = policy.pauses()
    rest = chunk
    while True:
        pending = {table: rest}
        answer = policy.run(lambda: service.batch_write_item(RequestItems=pending))
        rest = answer.get("UnprocessedItems", {}).get(table, [])
        if not rest:
            return
        pause = next(pauses, None)
        if pause is None:
            raise BatchIncomplete(len(rest), policy.attempts)
        policy.sleep(pause)


def read_all(
    service: BatchCapable, table: str, keys: Iterable[Key], policy: RetryPolicy
) -> list[Item]:
    """Read many items by key; items that do not exist are left out, order is not kept."""
    found: list[Item] = []
    distinct = dict.fromkeys(keys)
    for chunk in chunked(distinct, MAX_BATCH_GET):
        rest = [key.to_item() for key in chunk]
        pauses = policy.pauses()
        while rest:
            pending = {table: {"Keys": rest}}
            answer = policy.run(lambda: service.batch_get_item(RequestItems=pending))
            found.extend(answer.get("Responses", {}).get(table, []))
            rest = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if rest:
                pause = next(pauses, None)
                if pause is None:
                    raise BatchIncomplete(len(rest), policy.attempts)
                policy.sleep(pause)
    return found
