"""From a receipt to labels and findings."""

from .labeller import Labeller
from .result import LabelResult

__all__ = ["LabelResult", "Labeller"]
