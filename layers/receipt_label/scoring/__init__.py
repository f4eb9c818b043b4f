"""From several opinions to one label."""

from .combine import combined
from .confidence import ConfidenceModel
from .resolve import resolve

__all__ = ["ConfidenceModel", "combined", "resolve"]
