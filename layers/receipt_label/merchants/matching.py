"""Which shop a receipt is from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..model import Line, Receipt
from ..text.distance import similarity
from ..text.normalise import fold, key_form
from .loader import all_merchants
from .patterns import MerchantPattern

#: Names are looked for in so many lines from the top.
HEADER_LINES = 6

#: Below this, two names are different names.
LEAST_SIMILARITY = 0.82


@dataclass(frozen=True)
class MerchantGuess:
    """A shop, how likely it is, and what speaks for it."""

    merchant: MerchantPattern
    score: float
    evidence: tuple[str, ...]
    name_line: Line | None


def guess_merchant(
    receipt: Receipt, merchants: Iterable[MerchantPattern] | None = None
) -> MerchantGuess | None:
    """The most likely shop, or ``None`` if nothing speaks for any."""
    candidates = all_merchants() if merchants is None else merchants
    guesses = [guess for each in candidates if (guess := _judge(receipt, each)) is not None]
    if not guesses:
        return None
    return max(guesses, key=lambda guess: (guess.score, guess.merchant.merchant_id))


def _judge(receipt: Receipt, merchant: MerchantPattern) -> MerchantGuess | None:
    doubt = 1.0
    evidence: list[str] = []
    name_line, likeness = _best_name_line(receipt, merchant)
    if name_line is not None:
        doubt *= 1.0 - 0.9 * likeness
        evidence.append(f"line {name_line.line_id} reads like {merchant.name}")
    text = fold(receipt.text)
    for site in merchant.sites:
        if site.lower() in text:
            doubt *= 0.15
            evidence.append(f"the site {site} is printed")
    for slogan in merchant.slogans:
        if key_form(slogan) in key_form(receipt.text):
            doubt *= 0.4
            evidence.append("a slogan is printed")
    if not evidence:
        return None
    return MerchantGuess(merchant, 1.0 - doubt, tuple(evidence), name_line)


def _best_name_line(
    receipt: Receipt, merchant: MerchantPattern
) -> tuple[Line | None, float]:
    best: Line | None = None
    best_likeness = 0.0
    names = [key_form(name) for name in merchant.names()]
    for line in receipt.lines[:HEADER_LINES]:
        if any(site.lower() in fold(line.text) for site in merchant.sites):
            continue
        text = key_form(line.text)
        for name in names:
            named = f" {name} " in f" {text} "
            likeness = 1.0 if named else similarity(text, name)
            if likeness >= LEAST_SIMILARITY and likeness > best_likeness:
                best, best_likeness = line, likeness
    return best, best_likeness
