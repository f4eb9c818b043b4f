"""Tests of joining scores and choosing labels."""

from __future__ import annotations

import unittest

from receipt_label.geometry import Box
from receipt_label.labels import LabelName
from receipt_label.model import Word
from receipt_label.rules import Proposal
from receipt_label.scoring import ConfidenceModel, combined, resolve


def word(number: int, confidence: float = 1.0) -> Word:
    """A word somewhere."""
    return Word(1, number, "9.57", Box.at(0.1, 0.1, 0.1, 0.1), confidence)


def proposal(number: int, label: LabelName, score: float, rule: str = "a") -> Proposal:
    """A proposal for a word."""
    return Proposal(word(number), label, score, rule, "because")


class CombineTest(unittest.TestCase):
    def test_agreement_strengthens(self) -> None:
        self.assertEqual(combined([]), 0.0)
        self.assertGreater(combined([0.7, 0.7]), 0.7)
        self.assertLess(combined([0.99, 0.99, 0.99]), 1.0)
        self.assertEqual(combined([0.5, 0.9]), combined([0.9, 0.5]))


class ConfidenceTest(unittest.TestCase):
    def test_hard_words_lower_the_score(self) -> None:
        model = ConfidenceModel(weight=0.5, floor=0.2)
        self.assertAlmostEqual(model.adjusted(0.8, word(1, 0.5)), 0.6)
        self.assertAlmostEqual(model.adjusted(0.8, word(1, 0.0)), 0.48)
        with self.assertRaises(ValueError):
            ConfidenceModel(weight=2.0)


class ResolveTest(unittest.TestCase):
    def test_the_best_wins(self) -> None:
        labels = resolve(
            [
                proposal(1, LabelName.LINE_TOTAL, 0.7),
                proposal(1, LabelName.SUBTOTAL, 0.9, "b"),
                proposal(2, LabelName.TAX, 0.3),
            ]
        )
        self.assertEqual([(each.key, each.name) for each in labels],
                         [((1, 1), LabelName.SUBTOTAL)])

    def test_unique_labels_stay_with_the_best(self) -> None:
        labels = resolve(
            [
                proposal(1, LabelName.GRAND_TOTAL, 0.8),
                proposal(2, LabelName.GRAND_TOTAL, 0.9),
                proposal(1, LabelName.LINE_TOTAL, 0.6),
                proposal(3, LabelName.GRAND_TOTAL, 0.7),
            ]
        )
        self.assertEqual(
            {each.word_id: each.name for each in labels},
            {1: LabelName.LINE_TOTAL, 2: LabelName.GRAND_TOTAL},
        )

    def test_sources_are_named(self) -> None:
        labels = resolve(
            [proposal(1, LabelName.TAX, 0.6, "z"), proposal(1, LabelName.TAX, 0.6, "b")]
        )
        self.assertEqual(labels[0].source, "b+z")


if __name__ == "__main__":
    unittest.main()
