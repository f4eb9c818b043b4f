"""Labels for the words of a receipt.

A receipt arrives as words with places on a picture. Rules propose labels for them (a total, a
date, the shop's name), the proposals are scored, one is chosen per word, and checks find out
whether the labels agree with each other.

>>> from receipt_label import Labeller, receipt_from_text
>>> result = Labeller().label(receipt_from_text("CORNER GROCER\\nTOTAL 4.20"))
>>> [str(label.name.value) for label in result.labels if label.word_id == 2 and label.line_id == 2]
['GRAND_TOTAL']
"""

from .labels import LabelName
from .model import Label, Line, Receipt, Word
from .pipeline import Labeller, LabelResult
from .pipeline.text_input import receipt_from_text
from .version import __version__

__all__ = [
    "Label",
    "LabelName",
    "LabelResult",
    "Labeller",
    "Line",
    "Receipt",
    "Word",
    "__version__",
    "receipt_from_text",
]
