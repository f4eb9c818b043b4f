"""Joining the scores of rules that agree."""

from __future__ import annotations

from collections.abc import Iterable


def combined(scores: Iterable[float], independence: float = 0.5) -> float:
    """The joint score of opinions that agree.

    The best opinion counts in full. Each further one removes a part of the doubt that is
    left, weighed by how independent the opinions are.

    >>> combined([0.8])
    0.8
    >>> round(combined([0.8, 0.6]), 3)
    0.86
    """
    ordered = sorted(scores, reverse=True)
    if not ordered:
        return 0.0
    doubt = 1.0 - ordered[0]
    for score in ordered[1:]:
        doubt *= 1.0 - independence * score
    return 1.0 - doubt
