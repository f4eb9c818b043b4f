"""The operations that the mixins of the client are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from ..batching import delete_request, put_request, read_all, write_all
from ..constants import MAX_TRANSACTION, PARTITION_KEY, SORT_KEY, TYPE_ATTRIBUTE, Index
from ..entities.base import Entity
from ..exceptions import ConditionFailed, EntityExists, EntityNotFound, translated
from ..keys import Key
from ..pagination import Page, collect
from ..retry import RetryPolicy

E = TypeVar("E", bound=Entity)


class DynamoService(Protocol):
    """The methods of ``boto3.client("dynamodb")`` that the package calls."""

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write one item."""

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read one item."""

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """Delete one item."""

    def query(self, **request: Any) -> dict[str, Any]:
        """Read a range of one partition."""

    def scan(self, **request: Any) -> dict[str, Any]:
        """Read everything."""

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Write and delete up to 25 items."""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Read up to 100 items."""

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Write up to 100 items, or none."""


class ClientBase:
    """Holds the service and the table's name.

    Args:
        table_name: the table all records live in.
        service: ``boto3.client("dynamodb")`` or an object with the same methods.
        policy: how requests are retried.
    """

    def __init__(
        self, table_name: str, service: DynamoService, policy: RetryPolicy | None = None
    ) -> None:
        if not table_name:
            raise ValueError("table_name must not be empty")
        self.table_name = table_name
        self._service = service
        self._policy = policy or RetryPolicy()

    # -- one record --------------------------------------------------------------------------

    def _add(self, entity: Entity) -> None:
        try:
            with translated(f"adding {entity.key}"):
                self._policy.run(
                    lambda: self._service.put_item(
                        TableName=self.table_name,
                        Item=entity.to_item(),
                        ConditionExpression=f"attribute_not_exists({PARTITION_KEY})",
                    )
                )
        except ConditionFailed as error:
            raise EntityExists(f"{entity.TYPE} {entity.key} exists already") from error

    def _update(self, entity: Entity) -> None:
        try:
            with translated(f"updating {entity.key}"):
                self._policy.run(
                    lambda: self._service.put_item(
                        TableName=self.table_name,
                        Item=entity.to_item(),
                        ConditionExpression=f"attribute_exists({PARTITION_KEY})",
                    )
                )
        except ConditionFailed as error:
            raise EntityNotFound(f"no {entity.TYPE} {entity.key}") from error

    def _get(self, kind: type[E], key: Key) -> E:
        with translated(f"reading {key}"):
            answer = self._policy.run(
                lambda: self._service.get_item(TableName=self.table_name, Key=key.to_item())
            )
        item = answer.get("Item")
        if item is None:
            raise EntityNotFound(f"no {kind.TYPE} {key}")
        return kind.from_item(item)  # type: ignore[return-value]

    def _delete(self, kind: type[Entity], key: Key) -> None:
        try:
            with translated(f"deleting {key}"):
                self._policy.run(
                    lambda: self._service.delete_item(
                        TableName=self.table_name,
                        Key=key.to_item(),
                        ConditionExpression=f"attribute_exists({PARTITION_KEY})",
                    )
                )
        except ConditionFailed as error:
            raise EntityNotFound(f"no {kind.TYPE} {key}") from error

    # -- many records ------------------------------------------------------------------------

    def _put_all(self, entities: Iterable[Entity]) -> int:
        with translated("writing a batch"):
            requests = (put_request(entity.to_item()) for entity in entities)
            return write_all(self._service, self.table_name, requests, self._policy)

    def _delete_all(self, keys: Iterable[Key]) -> int:
        with translated("deleting a batch"):
            requests = (delete_request(key) for key in keys)
            return write_all(self._service, self.table_name, requests, self._policy)

    def _get_all(self, kind: type[E], keys: Iterable[Key]) -> list[E]:
        with translated("reading a batch"):
            items = read_all(self._service, self.table_name, keys, self._policy)
        found = [kind.from_item(item) for item in items]
        return sorted(found, key=lambda each: each.key)  # type: ignore[return-value]

    def put_together(self, entities: Iterable[Entity]) -> None:
        """Write records of any kinds so that either all of them are there, or none.

        Raises:
            ValueError: there are more records than one transaction takes.
            TransactionCancelled: the table refused; nothing was written.
        """
        actions = [
            {"Put": {"TableName": self.table_name, "Item": entity.to_item()}}
            for entity in entities
        ]
        if len(actions) > MAX_TRANSACTION:
            raise ValueError(f"a transaction takes at most {MAX_TRANSACTION} records")
        if actions:
            with translated("writing a transaction"):
                self._policy.run(
                    lambda: self._service.transact_write_items(TransactItems=actions)
                )

    # -- listings ----------------------------------------------------------------------------

    def _list(self, kind: type[E], limit: int | None, cursor: str | None) -> Page[E]:
        """All records of a kind, through the type index."""
        request = {
            "IndexName": Index.TYPE.value,
            "KeyConditionExpression": "#type = :type",
            "ExpressionAttributeNames": {"#type": TYPE_ATTRIBUTE},
            "ExpressionAttributeValues": {":type": {"S": kind.TYPE}},
        }
        return self._page(kind, request, limit, cursor)

    def _list_below(
        self, kind: type[E], pk: str, prefix: str, limit: int | None, cursor: str | None
    ) -> Page[E]:
        """The records of a kind in one partition whose sort keys begin with a prefix."""
        request = {
            "KeyConditionExpression": f"{PARTITION_KEY} = :pk AND begins_with({SORT_KEY}, :sk)",
            "FilterExpression": "#type = :type",
            "ExpressionAttributeNames": {"#type": TYPE_ATTRIBUTE},
            "ExpressionAttributeValues": {
                ":pk": {"S": pk},
                ":sk": {"S": prefix},
                ":type": {"S": kind.TYPE},
            },
        }
        return self._page(kind, request, limit, cursor)

    def _list_index(
        self,
        kind: type[E],
        index: Index,
        value: str,
        limit: int | None,
        cursor: str | None,
    ) -> Page[E]:
        """The records of a kind in one partition of an index."""
        request = {
            "IndexName": index.value,
            "KeyConditionExpression": "#hash = :hash",
            "FilterExpression": "#type = :type",
            "ExpressionAttributeNames": {"#hash": index.hash_key, "#type": TYPE_ATTRIBUTE},
            "ExpressionAttributeValues": {":hash": {"S": value}, ":type": {"S": kind.TYPE}},
        }
        return self._page(kind, request, limit, cursor)

    def _page(
        self, kind: type[E], request: dict[str, Any], limit: int | None, cursor: str | None
    ) -> Page[E]:
        def query(**call: Any) -> dict[str, Any]:
            return self._policy.run(
                lambda: self._service.query(TableName=self.table_name, **call)
            )

        with translated(f"listing {kind.TYPE}"):
            items, following = collect(query, request, limit, cursor)
        return Page([kind.from_item(item) for item in items], following)  # type: ignore[misc]

    def scan_items(self, limit: int | None = None, cursor: str | None = None) -> Page[dict]:
        """Raw items of any kind, in no particular order."""

        def scan(**call: Any) -> dict[str, Any]:
            return self._policy.run(
                lambda: self._service.scan(TableName=self.table_name, **call)
            )

        with translated("scanning the table"):
            items, following = collect(scan, {}, limit, cursor)
        return Page(items, following)

    def put_items(self, items: Iterable[dict[str, Any]]) -> int:
        """Write raw items as they are; returns how many there were."""
        with translated("writing items"):
            requests = (put_request(item) for item in items)
            return write_all(self._service, self.table_name, requests, self._policy)
