"""What labelling a receipt gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..labels import LabelName
from ..merchants import MerchantGuess
from ..model import Label, Receipt
from ..validators import Finding, Severity


@dataclass(frozen=True)
class LabelResult:
    """A receipt's labels, the shop, and what does not fit."""

    receipt: Receipt
    labels: list[Label]
    findings: list[Finding]
    merchant: MerchantGuess | None = None
    locale: str = "default"
    suspects: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    @property
    def is_consistent(self) -> bool:
        """Whether no check found an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def text_of(self, name: LabelName) -> str:
        """The words with a label, joined by spaces."""
        words = self.receipt.by_key
        return " ".join(words[label.key].text for label in self.labels if label.name is name)

    def counts(self) -> dict[str, int]:
        """How many words each label has."""
        return dict(sorted(Counter(label.name.value for label in self.labels).items()))

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "image_id": self.receipt.image_id,
            "receipt_id": self.receipt.receipt_id,
            "locale": self.locale,
            "merchant": None
            if self.merchant is None
            else {
                "id": self.merchant.merchant.merchant_id,
                "name": self.merchant.merchant.name,
                "score": round(self.merchant.score, 4),
                "evidence": list(self.merchant.evidence),
            },
            "labels": [
                {
                    "line_id": label.line_id,
                    "word_id": label.word_id,
                    "text": self.receipt.by_key[label.key].text,
                    "label": label.name.value,
                    "score": label.score,
                    "source": label.source,
                    "reason": label.reason,
                    "needs_review": label.key in self.suspects,
                }
                for label in self.labels
            ],
            "findings": [
                {
                    "check": finding.check,
                    "severity": finding.severity.value,
                    "message": finding.message,
                    "words": [list(key) for key in finding.words],
                }
                for finding in self.findings
            ],
        }
