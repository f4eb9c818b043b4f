"""Items as plain JSON values, for exports that people read."""

from __future__ import annotations

from typing import Any

from ..exceptions import InvalidItem
from .attributes import AttributeValue, Item


def to_plain(item: Item) -> dict[str, Any]:
    """An item without its type descriptors.

    >>> to_plain({"PK": {"S": "IMAGE#1"}, "width": {"N": "640"}})
    {'PK': 'IMAGE#1', 'width': 640}
    """
    return {name: _plain(value) for name, value in item.items()}


def from_plain(record: dict[str, Any]) -> Item:
    """The item that :func:`to_plain` was given."""
    return {name: _typed(value) for name, value in record.items()}


def _plain(value: AttributeValue) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return int(content) if content.lstrip("-").isdigit() else float(content)
        case "NULL":
            return None
        case "L":
            return [_plain(each) for each in content]
        case "M":
            return {name: _plain(each) for name, each in content.items()}
        case "SS" | "NS":
            return sorted(content)
        case _:
            raise InvalidItem(f"attribute type {kind} has no plain form")


def _typed(value: Any) -> AttributeValue:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case float():
            return {"N": repr(value)}
        case list():
            return {"L": [_typed(each) for each in value]}
        case dict():
            return {"M": {name: _typed(each) for name, each in value.items()}}
        case _:
            raise InvalidItem(f"{type(value).__name__} cannot be stored")
