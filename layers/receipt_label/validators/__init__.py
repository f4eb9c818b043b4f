"""Checks of labels against each other."""

from .base import Finding, LabelledReceipt, Severity, Validator
from .suite import default_validators, run_validators

__all__ = [
    "Finding",
    "LabelledReceipt",
    "Severity",
    "Validator",
    "default_validators",
    "run_validators",
]
