"""Checks of field values. Each raises :class:`InvalidEntity` with the field's name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from ..exceptions import InvalidEntity
from ..keys import SEPARATOR

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_LARGEST_ID = 99_999


def uuid4(field: str, value: Any) -> None:
    """A version 4 UUID in lower case."""
    if not isinstance(value, str) or not _UUID4.fullmatch(value):
        raise InvalidEntity(field, f"must be a version 4 UUID in lower case, not {value!r}")


def positive_id(field: str, value: Any) -> None:
    """A number that identifies; it has to fit the digits it gets in keys."""
    if not _is_int(value) or not 0 < value <= _LARGEST_ID:
        raise InvalidEntity(field, f"must be between 1 and {_LARGEST_ID}, not {value!r}")


def count(field: str, value: Any) -> None:
    """A whole number that is not negative."""
    if not _is_int(value) or value < 0:
        raise InvalidEntity(field, f"must be a whole number from 0, not {value!r}")


def text(field: str, value: Any) -> None:
    """A string with something in it."""
    if not isinstance(value, str) or not value:
        raise InvalidEntity(field, f"must be a text that is not empty, not {value!r}")


def key_text(field: str, value: Any) -> None:
    """A text that stands in a key, so the separator must not occur."""
    text(field, value)
    if SEPARATOR in value:
        raise InvalidEntity(field, f"must not contain {SEPARATOR!r}: {value!r}")


def number(field: str, value: Any) -> None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidEntity(field, f"must be a finite number, not {value!r}")


def fraction(field: str, value: Any) -> None:
    """A number between 0 and 1, ends included."""
    number(field, value)
    if not 0.0 <= value <= 1.0:
        raise InvalidEntity(field, f"must lie between 0 and 1, not {value!r}")


def moment(field: str, value: Any) -> None:
    """A date with a time and a zone."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidEntity(field, f"must be a datetime with a time zone, not {value!r}")


def flag(field: str, value: Any) -> None:
    """A boolean."""
    if not isinstance(value, bool):
        raise InvalidEntity(field, f"must be True or False, not {value!r}")


def choice(field: str, value: Any, kind: type[Enum]) -> None:
    """A member of an enumeration."""
    if not isinstance(value, kind):
        names = ", ".join(member.name for member in kind)
        raise InvalidEntity(field, f"must be one of {names}, not {value!r}")


def instance(field: str, value: Any, kind: type) -> None:
    """An object of a class."""
    if not isinstance(value, kind):
        raise InvalidEntity(field, f"must be a {kind.__name__}, not {type(value).__name__}")


def strings(field: str, value: Any) -> None:
    """A list or tuple of strings."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidEntity(field, f"must be a list of texts, not {type(value).__name__}")
    if not all(isinstance(each, str) for each in value):
        raise InvalidEntity(field, "must hold texts only")


def mapping(field: str, value: Any) -> None:
    """A map from strings to strings."""
    if not isinstance(value, Mapping):
        raise InvalidEntity(field, f"must be a mapping, not {type(value).__name__}")
    for name, each in value.items():
        if not isinstance(name, str) or not isinstance(each, str):
            raise InvalidEntity(field, "must map texts to texts")


def numbers(field: str, value: Any) -> None:
    """A map from strings to finite numbers."""
    if not isinstance(value, Mapping):
        raise InvalidEntity(field, f"must be a mapping, not {type(value).__name__}")
    for name, each in value.items():
        number(f"{field}[{name!r}]", each)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
