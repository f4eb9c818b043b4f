"""Merchant patterns from their files, each read once."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ..data_files import field, names_in, read_json
from ..errors import DataFileError
from ..labels import LabelName
from .patterns import MerchantPattern, ReferencePattern


@lru_cache(maxsize=None)
def merchant(merchant_id: str) -> MerchantPattern:
    """The pattern in ``data/merchants/<merchant_id>.json``."""
    shown = f"data/merchants/{merchant_id}.json"
    content = read_json("merchants", merchant_id)
    return MerchantPattern(
        merchant_id=merchant_id,
        name=field(content, "name", str, shown),
        category=field(content, "category", str, shown),
        aliases=tuple(field(content, "aliases", list, shown)),
        locale=field(content, "locale", str, shown),
        sites=tuple(field(content, "sites", list, shown)),
        slogans=tuple(field(content, "slogans", list, shown)),
        total_words=tuple(field(content, "total_words", list, shown)),
        product_categories=frozenset(field(content, "product_categories", list, shown)),
        references=tuple(
            _reference(raw, shown) for raw in field(content, "references", list, shown)
        ),
    )


@lru_cache(maxsize=None)
def all_merchants() -> tuple[MerchantPattern, ...]:
    """The patterns of all shops, in the order of their ids."""
    return tuple(merchant(merchant_id) for merchant_id in names_in("merchants"))


def _reference(raw: dict[str, Any], shown: str) -> ReferencePattern:
    try:
        pattern = re.compile(raw["pattern"], re.IGNORECASE)
        label = LabelName(raw["label"])
        score = float(raw["score"])
    except (KeyError, ValueError, re.error) as error:
        raise DataFileError(shown, f"a reference is broken: {error}") from error
    if pattern.groups < 1:
        raise DataFileError(shown, f"{raw['pattern']} needs a group")
    return ReferencePattern(label, pattern, score)
