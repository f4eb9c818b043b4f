"""Typed writers and readers of attribute values.

A writer takes a Python value and returns an attribute value, ``{"S": …}`` and the like. A
reader takes an item and an attribute's name; it raises :class:`InvalidItem` when the
attribute is missing or of another type, and names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from ..exceptions import InvalidItem

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]
T = TypeVar("T")
E = TypeVar("E", bound=Enum)

NULL: AttributeValue = {"NULL": True}


# -- writers ---------------------------------------------------------------------------------


def text(value: str) -> AttributeValue:
    """A string."""
    return {"S": value}


def number(value: int | float) -> AttributeValue:
    """A number; floats are written so that reading gives the same float."""
    return {"N": repr(value) if isinstance(value, float) else str(value)}


def flag(value: bool) -> AttributeValue:
    """A boolean."""
    return {"BOOL": value}


def timestamp(value: datetime) -> AttributeValue:
    """A moment, in ISO 8601."""
    return {"S": value.isoformat()}


def choice(value: Enum) -> AttributeValue:
    """A member of an enumeration, by its value."""
    return {"S": str(value.value)}


def strings(value: Sequence[str]) -> AttributeValue:
    """A list of strings, in order; DynamoDB's string sets can be neither empty nor ordered."""
    return {"L": [text(each) for each in value]}


def mapping(value: Mapping[str, str]) -> AttributeValue:
    """A map from strings to strings."""
    return {"M": {name: text(each) for name, each in value.items()}}


def numbers(value: Mapping[str, float]) -> AttributeValue:
    """A map from strings to numbers."""
    return {"M": {name: number(each) for name, each in value.items()}}


def optional(write: Callable[[T], AttributeValue], value: T | None) -> AttributeValue:
    """What ``write`` makes of the value, or NULL."""
    return dict(NULL) if value is None else write(value)


# -- readers ---------------------------------------------------------------------------------


def _take(item: Mapping[str, AttributeValue], name: str, kind: str) -> Any:
    try:
        value = item[name]
    except KeyError:
        raise InvalidItem(f"attribute {name} is missing") from None
    if kind not in value:
        given = ", ".join(value) or "nothing"
        raise InvalidItem(f"attribute {name} must be of type {kind}, not {given}")
    return value[kind]


def read_text(item: Mapping[str, AttributeValue], name: str) -> str:
    """A string attribute."""
    return _take(item, name, "S")


def read_int(item: Mapping[str, AttributeValue], name: str) -> int:
    """A whole number; a fraction is refused."""
    raw = _take(item, name, "N")
    try:
        return int(raw)
    except ValueError:
        raise InvalidItem(f"attribute {name} is not a whole number: {raw}") from None


def read_float(item: Mapping[str, AttributeValue], name: str) -> float:
    """A number."""
    raw = _take(item, name, "N")
    try:
        return float(raw)
    except ValueError:
        raise InvalidItem(f"attribute {name} is not a number: {raw}") from None


def read_flag(item: Mapping[str, AttributeValue], name: str) -> bool:
    """A boolean attribute."""
    return _take(item, name, "BOOL")


def read_timestamp(item: Mapping[str, AttributeValue], name: str) -> datetime:
    """A moment in ISO 8601."""
    raw = _take(item, name, "S")
    try:
        return datetime.fromisoformat(raw)
    except ValueError:
        raise InvalidItem(f"attribute {name} is not a time: {raw}") from None


def read_choice(kind: type[E]) -> Callable[[Mapping[str, AttributeValue], str], E]:
    """A reader for members of one enumeration."""

    def read(item: Mapping[str, AttributeValue], name: str) -> E:
        raw = _take(item, name, "S")
        try:
            return kind(raw)
        except ValueError:
            raise InvalidItem(f"attribute {name} is no {kind.__name__}: {raw}") from None

    return read


def read_strings(item: Mapping[str, AttributeValue], name: str) -> list[str]:
    """A list of strings."""
    return [each["S"] for each in _take(item, name, "L")]


def read_mapping(item: Mapping[str, AttributeValue], name: str) -> dict[str, str]:
    """A map from strings to strings."""
    return {key: each["S"] for key, each in _take(item, name, "M").items()}


def read_numbers(item: Mapping[str, AttributeValue], name: str) -> dict[str, float]:
    """A map from strings to numbers."""
    return {key: float(each["N"]) for key, each in _take(item, name, "M").items()}


def read_optional(
    read: Callable[[Mapping[str, AttributeValue], str], T],
    item: Mapping[str, AttributeValue],
    name: str,
) -> T | None:
    """What ``read`` finds, or ``None`` for NULL and for an attribute that is not there."""
    value = item.get(name)
    if value is None or value.get("NULL"):
        return None
    return read(item, name)
