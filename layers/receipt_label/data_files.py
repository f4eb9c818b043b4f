"""Reading the JSON files that come with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import DataFileError

DATA = Path(__file__).resolve().parent / "data"


def read_json(folder: str, name: str) -> dict[str, Any]:
    """The JSON object in ``data/<folder>/<name>.json``."""
    path = DATA / folder / f"{name}.json"
    shown = f"data/{folder}/{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataFileError(shown, "there is no such file") from None
    except json.JSONDecodeError as error:
        raise DataFileError(shown, f"line {error.lineno}: {error.msg}") from error
    if not isinstance(content, dict):
        raise DataFileError(shown, "must hold an object")
    return content


def names_in(folder: str) -> list[str]:
    """The names of the files of a folder, without their endings, in order."""
    return sorted(path.stem for path in (DATA / folder).glob("*.json"))


def field(content: dict[str, Any], name: str, kind: type, shown: str) -> Any:
    """A field of a data file, checked."""
    value = content.get(name)
    if not isinstance(value, kind):
        raise DataFileError(shown, f"{name} must be a {kind.__name__}")
    return value
