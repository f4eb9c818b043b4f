"""Loading what :mod:`receipt_dynamo.transfer.export` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..client import DynamoClient
from ..constants import TYPE_ATTRIBUTE
from ..entities import ENTITY_TYPES
from ..exceptions import InvalidItem, ReceiptDynamoError


@dataclass
class LoadReport:
    """What a load wrote, and the lines it refused."""

    written: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def load_lines(
    client: DynamoClient, lines: Iterable[str], check: bool = True, strict: bool = True
) -> LoadReport:
    """Write exported lines into a table.

    Args:
        client: where to write.
        lines: one JSON document each; empty lines are skipped.
        check: read every item as its entity first, so that no broken record gets in.
        strict: raise at the first bad line. Otherwise bad lines are reported and left out.

    Raises:
        InvalidItem: a line is bad, and ``strict`` is set.
    """
    report = LoadReport()

    def good() -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield _read(line, check)
            except ReceiptDynamoError as error:
                if strict:
                    raise InvalidItem(f"line {number}: {error}") from error
                report.refused.append((number, str(error)))

    report.written = client.put_items(good())
    return report


def _read(line: str, check: bool) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidItem(f"not JSON: {error}") from error
    if not isinstance(item, dict):
        raise InvalidItem("not a JSON object")
    if check:
        kind = item.get(TYPE_ATTRIBUTE, {}).get("S")
        if kind not in ENTITY_TYPES:
            raise InvalidItem(f"unknown type {kind}")
        ENTITY_TYPES[kind].from_item(item)
    return item
