"""Lists of words with their categories."""

from .model import Entry, Lexicon
from .loader import lexicon, product_lexicon

__all__ = ["Entry", "Lexicon", "lexicon", "product_lexicon"]
