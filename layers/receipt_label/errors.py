"""Every error the package raises."""

from __future__ import annotations


class ReceiptLabelError(Exception):
    """The root of the package's errors."""


class DataFileError(ReceiptLabelError):
    """A data file is missing, or does not hold what it should."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class EmptyReceipt(ReceiptLabelError, ValueError):
    """A receipt without words cannot be labelled."""


class BadEvent(ReceiptLabelError, ValueError):
    """The event that started the function does not say what to do."""


class UnknownLocale(ReceiptLabelError, LookupError):
    """There is no data file for a locale."""
