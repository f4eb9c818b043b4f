"""Shops: how their receipts look, and which shop a receipt is from."""

from .loader import all_merchants, merchant
from .matching import MerchantGuess, guess_merchant
from .patterns import MerchantPattern, ReferencePattern

__all__ = [
    "MerchantGuess",
    "MerchantPattern",
    "ReferencePattern",
    "all_merchants",
    "guess_merchant",
    "merchant",
]
