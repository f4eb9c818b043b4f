"""Lexicons from their files, each read once."""

from __future__ import annotations

from functools import lru_cache

from ..data_files import field, names_in, read_json
from ..errors import DataFileError
from .model import Entry, Lexicon


@lru_cache(maxsize=None)
def lexicon(name: str) -> Lexicon:
    """The lexicon in ``data/lexicons/<name>.json``."""
    return Lexicon(name, _entries(name))


@lru_cache(maxsize=None)
def product_lexicon() -> Lexicon:
    """All product lexicons as one; a term belongs to the first file that has it."""
    names = [name for name in names_in("lexicons") if name.startswith("products_")]
    return Lexicon("products", [entry for name in names for entry in _entries(name)])


def _entries(name: str) -> list[Entry]:
    shown = f"data/lexicons/{name}.json"
    content = read_json("lexicons", name)
    entries = []
    for number, raw in enumerate(field(content, "entries", list, shown), start=1):
        try:
            entries.append(Entry(raw["term"], raw["category"], tuple(raw.get("variants", ()))))
        except (KeyError, TypeError) as error:
            raise DataFileError(shown, f"entry {number} is broken: {error}") from error
    return entries
