"""How a score is lowered when the word itself was hard to read."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import Word


@dataclass(frozen=True)
class ConfidenceModel:
    """The recogniser's confidence enters with a weight, and never below a floor.

    Attributes:
        weight: 0 ignores the recogniser, 1 multiplies by its confidence.
        floor: confidences below this count as this.
    """

    weight: float = 0.4
    floor: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0 or not 0.0 <= self.floor <= 1.0:
            raise ValueError("weight and floor must lie between 0 and 1")

    def adjusted(self, score: float, word: Word) -> float:
        """The score of a label for a word as it was read."""
        trust = max(word.confidence, self.floor)
        return score * (1.0 - self.weight + self.weight * trust)
