"""What is known of one shop's receipts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..labels import LabelName


@dataclass(frozen=True)
class ReferencePattern:
    """A regular expression whose first group is a word with a label."""

    label: LabelName
    pattern: re.Pattern[str]
    score: float


@dataclass(frozen=True)
class MerchantPattern:
    """What the receipts of a shop have in common.

    Attributes:
        merchant_id: the name of the file.
        name: the shop's name.
        category: what kind of shop it is.
        aliases: other forms of the name on receipts.
        locale: the customs of its country.
        sites: its web sites.
        slogans: sentences printed on every receipt.
        total_words: what stands before the total.
        product_categories: categories of products it sells.
        references: patterns of numbers on its receipts.
    """

    merchant_id: str
    name: str
    category: str
    aliases: tuple[str, ...]
    locale: str
    sites: tuple[str, ...]
    slogans: tuple[str, ...]
    total_words: tuple[str, ...]
    product_categories: frozenset[str]
    references: tuple[ReferencePattern, ...]

    def names(self) -> tuple[str, ...]:
        """The name and its other forms."""
        return (self.name, *self.aliases)
