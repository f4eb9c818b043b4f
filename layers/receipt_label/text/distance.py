"""How much two texts differ."""

from __future__ import annotations


def edit_distance(first: str, second: str, most: int | None = None) -> int:
    """The least number of insertions, deletions, replacements and neighbour swaps.

    Args:
        first: one text.
        second: the other.
        most: stop when the distance must exceed this; ``most + 1`` is returned then.
    """
    if first == second:
        return 0
    if most is not None and abs(len(first) - len(second)) > most:
        return most + 1
    before_last: list[int] = []
    last = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        row = [i]
        for j, b in enumerate(second, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        if most is not None and min(row) > most:
            return most + 1
        before_last, last = last, row
    return last[-1]


def similarity(first: str, second: str) -> float:
    """1 for equal texts, 0 for texts that have nothing in common.

    >>> similarity("total", "t0tal")
    0.8
    """
    longest = max(len(first), len(second))
    if longest == 0:
        return 1.0
    return 1.0 - edit_distance(first, second) / longest
