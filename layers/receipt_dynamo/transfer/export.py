"""Exports: one JSON document a line, each an item with its attribute types."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from ..client import DynamoClient
from ..constants import PARTITION_KEY, TYPE_ATTRIBUTE
from ..pagination import every
from ..serialisation import to_plain


@dataclass
class ExportReport:
    """What an export wrote."""

    items: int = 0
    by_type: Counter[str] = field(default_factory=Counter)

    def count(self, item: dict[str, Any]) -> None:
        """Take one more item into account."""
        self.items += 1
        self.by_type[item.get(TYPE_ATTRIBUTE, {}).get("S", "?")] += 1

    def summary(self) -> str:
        """One line for people."""
        parts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.by_type.items()))
        return f"{self.items} items" + (f" ({parts})" if parts else "")


def export_table(
    client: DynamoClient,
    target: TextIO,
    types: Iterable[str] | None = None,
    plain: bool = False,
) -> ExportReport:
    """Write the table, or the given types of records, to a text file.

    Args:
        client: where to read.
        target: where to write.
        types: the ``TYPE`` values to keep; all when left out.
        plain: leave the attribute types out. Such an export reads well but cannot be loaded
            into a table.
    """
    wanted = None if types is None else frozenset(types)
    items = every(lambda cursor: client.scan_items(cursor=cursor))
    return _write(_of_types(items, wanted), target, plain)


def export_image(client: DynamoClient, image_id: str, target: TextIO) -> ExportReport:
    """Write everything that lies in one picture's partition."""
    pk = f"IMAGE#{image_id}"
    items = every(lambda cursor: client.scan_items(cursor=cursor))
    return _write((item for item in items if item[PARTITION_KEY]["S"] == pk), target, False)


def _of_types(
    items: Iterable[dict[str, Any]], wanted: frozenset[str] | None
) -> Iterator[dict[str, Any]]:
    for item in items:
        if wanted is None or item.get(TYPE_ATTRIBUTE, {}).get("S") in wanted:
            yield item


def _write(items: Iterable[dict[str, Any]], target: TextIO, plain: bool) -> ExportReport:
    report = ExportReport()
    for item in items:
        record = to_plain(item) if plain else item
        target.write(json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")
        report.count(item)
    return report
