"""Pages of records and the opaque cursors between them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .exceptions import CursorError

T = TypeVar("T")

LastKey = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some records, and where the next ones begin."""

    items: list[T]
    cursor: str | None = None

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.cursor is None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def encode_cursor(last_key: LastKey | None) -> str | None:
    """Make a text of ``LastEvaluatedKey`` that is safe in a URL."""
    if not last_key:
        return None
    compact = json.dumps(last_key, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(compact.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> LastKey | None:
    """Read a cursor that :func:`encode_cursor` made."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        last_key = json.loads(raw)
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError, ValueError) as error:
        raise CursorError(f"not a page cursor: {cursor!r}") from error
    if not isinstance(last_key, dict) or not last_key:
        raise CursorError(f"not a page cursor: {cursor!r}")
    return last_key


def every(fetch: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All records of a listing, page after page.

    ``fetch`` takes a cursor, as the client's ``list_…`` methods do::

        for receipt in every(lambda cursor: client.list_receipts(cursor=cursor)):
            ...
    """
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        if page.cursor is None:
            return
        if page.cursor == cursor:
            raise CursorError("the listing does not advance")
        cursor = page.cursor


def collect(
    query: Callable[..., dict[str, Any]],
    request: dict[str, Any],
    limit: int | None,
    cursor: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Call ``query`` until ``limit`` items are there or the table has no more.

    DynamoDB ends a page after a megabyte whatever the limit; a filter may even leave a page
    empty. Both are smoothed over here.
    """
    if limit is not None and limit <= 0:
        raise ValueError("limit must be positive")
    found: list[dict[str, Any]] = []
    start = decode_cursor(cursor)
    while True:
        call = dict(request)
        if start:
            call["ExclusiveStartKey"] = start
        if limit is not None:
            call["Limit"] = limit - len(found)
        answer = query(**call)
        found.extend(answer.get("Items", []))
        start = answer.get("LastEvaluatedKey")
        if not start or (limit is not None and len(found) >= limit):
            return found, encode_cursor(start)
