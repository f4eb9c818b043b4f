"""Labels that must be there, and labels that must be there once."""

from __future__ import annotations

from collections.abc import Iterator

from ..labels import LabelName, info, required_labels
from .base import Finding, LabelledReceipt, Severity


class RequiredValidator:
    """A receipt has a shop, a date and a total."""

    name = "required_labels"

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Name every label that is missing."""
        present = {label.name for label in labelled.labels}
        for name in required_labels():
            if name not in present:
                yield Finding(self.name, Severity.ERROR, f"no word has the label {name.value}")


class UniqueValidator:
    """There is one total, one subtotal, one change."""

    name = "unique_labels"

    def check(self, labelled: LabelledReceipt) -> Iterator[Finding]:
        """Name every label that stands more than once with different amounts."""
        for name in LabelName:
            if not info(name).is_unique:
                continue
            amounts = labelled.amounts(name)
            if len({amount for _, amount in amounts}) > 1:
                yield Finding(
                    self.name,
                    Severity.ERROR,
                    f"{name.value} has several values",
                    tuple(word.key for word, _ in amounts),
                )
