"""The table itself. Its methods are those of ``boto3.client("dynamodb")``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..constants import (
    MAX_BATCH_GET,
    MAX_BATCH_WRITE,
    MAX_TRANSACTION,
    PARTITION_KEY,
    SORT_KEY,
    Index,
)
from ..keys import Key
from .expressions import ExpressionError, predicate

Item = dict[str, Any]


class ServiceError(Exception):
    """An error shaped like botocore's ``ClientError``."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}, **details}


class MemoryTable:
    """One table with the indexes of :class:`~receipt_dynamo.constants.Index`.

    Args:
        name: requests for another table are refused, as DynamoDB does.
        page_size: the most items one query or scan looks at; stands in for the megabyte.
    """

    def __init__(self, name: str, page_size: int = 500) -> None:
        self.name = name
        self.page_size = page_size
        self._items: dict[Key, Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    # -- single items ------------------------------------------------------------------------

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write an item, if the condition holds for the one it replaces."""
        self._check_table(request)
        self._write({"Put": request})
        return {}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """Delete an item, if the condition holds for it."""
        self._check_table(request)
        self._write({"Delete": request})
        return {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read an item by its key."""
        self._check_table(request)
        item = self._items.get(Key.from_item(request["Key"]))
        return {} if item is None else {"Item": copy.deepcopy(item)}

    # -- batches and transactions ------------------------------------------------------------

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Put and delete up to 25 items, without conditions."""
        wanted = self._only_table(request["RequestItems"])
        if not 1 <= len(wanted) <= MAX_BATCH_WRITE:
            raise ServiceError("ValidationException", "1 to 25 requests in a batch")
        for each in wanted:
            if "PutRequest" in each:
                self._write({"Put": each["PutRequest"]})
            else:
                self._write({"Delete": each["DeleteRequest"]})
        return {"UnprocessedItems": {}}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read up to 100 items by their keys."""
        wanted = self._only_table(request["RequestItems"])["Keys"]
        if not 1 <= len(wanted) <= MAX_BATCH_GET:
            raise ServiceError("ValidationException", "1 to 100 keys in a batch")
        keys = [Key.from_item(each) for each in wanted]
        if len(set(keys)) != len(keys):
            raise ServiceError("ValidationException", "the keys of a batch must differ")
        found = [copy.deepcopy(self._items[key]) for key in keys if key in self._items]
        return {"Responses": {self.name: found}, "UnprocessedKeys": {}}

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Write all or nothing."""
        actions = request["TransactItems"]
        if not 1 <= len(actions) <= MAX_TRANSACTION:
            raise ServiceError("ValidationException", "1 to 100 actions in a transaction")
        before = dict(self._items)
        for place, action in enumerate(actions):
            try:
                self._write(action)
            except ServiceError as error:
                self._items = before
                reasons = [{"Code": "None"}] * len(actions)
                reasons[place] = {"Code": "ConditionalCheckFailed"}
                raise ServiceError(
                    "TransactionCanceledException", str(error), CancellationReasons=reasons
                ) from error
        return {}

    # -- ranges ------------------------------------------------------------------------------

    def query(self, **request: Any) -> dict[str, Any]:
        """The items of one partition, in the order of the sort key."""
        self._check_table(request)
        if "KeyConditionExpression" not in request:
            raise ServiceError("ValidationException", "a query needs a key condition")
        order = self._order(request.get("IndexName"))
        matches = self._predicate(request, "KeyConditionExpression")
        candidates = [item for item in self._items.values() if order[0] in item]
        candidates = [item for item in candidates if matches(item)]
        candidates.sort(key=lambda item: _sort_key(item, order))
        if request.get("ScanIndexForward") is False:
            candidates.reverse()
        return self._page(candidates, request, order)

    def scan(self, **request: Any) -> dict[str, Any]:
        """All items, in the order of their keys."""
        self._check_table(request)
        order = (PARTITION_KEY, SORT_KEY)
        return self._page([self._items[key] for key in sorted(self._items)], request, order)

    # -- inside ------------------------------------------------------------------------------

    def _page(
        self, candidates: list[Item], request: Mapping[str, Any], order: tuple[str, ...]
    ) -> dict[str, Any]:
        start = 0
        if "ExclusiveStartKey" in request:
            last = Key.from_item(request["ExclusiveStartKey"])
            keys = [Key.from_item(item) for item in candidates]
            start = keys.index(last) + 1 if last in keys else 0
        size = min(request.get("Limit") or self.page_size, self.page_size)
        looked_at = candidates[start : start + size]
        wanted = self._predicate(request, "FilterExpression")
        found = [copy.deepcopy(item) for item in looked_at if wanted(item)]
        answer: dict[str, Any] = {
            "Items": found,
            "Count": len(found),
            "ScannedCount": len(looked_at),
        }
        if looked_at and start + size < len(candidates):
            names = {PARTITION_KEY, SORT_KEY, *order}
            answer["LastEvaluatedKey"] = {
                name: value for name, value in looked_at[-1].items() if name in names
            }
        return answer

    def _write(self, action: Mapping[str, Any]) -> None:
        ((kind, request),) = action.items()
        if kind == "Put":
            key = Key.from_item(request["Item"])
        elif kind in {"Delete", "ConditionCheck"}:
            key = Key.from_item(request["Key"])
        else:
            raise ServiceError("ValidationException", f"{kind} is not supported")
        if not self._predicate(request, "ConditionExpression")(self._items.get(key, {})):
            raise ServiceError("ConditionalCheckFailedException", "the condition failed")
        if kind == "Put":
            self._items[key] = copy.deepcopy(request["Item"])
        elif kind == "Delete":
            self._items.pop(key, None)

    def _predicate(self, request: Mapping[str, Any], name: str) -> Any:
        try:
            return predicate(request, name) or (lambda item: True)
        except ExpressionError as error:
            raise ServiceError("ValidationException", f"{name}: {error}") from error

    def _order(self, index: str | None) -> tuple[str, ...]:
        if index is None:
            return (PARTITION_KEY, SORT_KEY)
        try:
            known = Index(index)
        except ValueError:
            raise ServiceError("ValidationException", f"no index {index}") from None
        names = (known.hash_key, known.range_key)
        return tuple(name for name in names if name)

    def _check_table(self, request: Mapping[str, Any]) -> None:
        if request.get("TableName", self.name) != self.name:
            raise ServiceError("ResourceNotFoundException", f"no table {request['TableName']}")

    def _only_table(self, requests: Mapping[str, Any]) -> Any:
        if set(requests) != {self.name}:
            raise ServiceError("ResourceNotFoundException", f"no table {sorted(requests)}")
        return requests[self.name]


def _sort_key(item: Item, order: tuple[str, ...]) -> tuple[str, ...]:
    names = (*order, PARTITION_KEY, SORT_KEY)
    return tuple(item.get(name, {}).get("S", "") for name in names)
