"""Comparing texts that a printer shortened and a recogniser misread."""

from .abbreviations import abbreviate, could_abbreviate
from .distance import edit_distance, similarity
from .normalise import fold, key_form, repair_digits

__all__ = [
    "abbreviate",
    "could_abbreviate",
    "edit_distance",
    "fold",
    "key_form",
    "repair_digits",
    "similarity",
]
