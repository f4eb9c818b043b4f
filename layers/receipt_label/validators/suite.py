"""Running all checks."""

from __future__ import annotations

from collections.abc import Sequence

from .arithmetic import ChangeValidator, ItemsSumValidator, TotalSumValidator
from .base import Finding, LabelledReceipt, Validator
from .plausibility import AmountFormValidator, DateValidator, TaxRateValidator
from .presence import RequiredValidator, UniqueValidator


def default_validators() -> list[Validator]:
    """All checks of the package."""
    return [
        RequiredValidator(),
        UniqueValidator(),
        AmountFormValidator(),
        ItemsSumValidator(),
        TotalSumValidator(),
        ChangeValidator(),
        TaxRateValidator(),
        DateValidator(),
    ]


def run_validators(
    labelled: LabelledReceipt, validators: Sequence[Validator] | None = None
) -> list[Finding]:
    """The findings of all checks, in the order of the checks."""
    chosen = default_validators() if validators is None else validators
    return [finding for each in chosen for finding in each.check(labelled)]
