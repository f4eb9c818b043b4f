"""The whole way in one place."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import EmptyReceipt
from ..locales import locale
from ..merchants import MerchantPattern, guess_merchant
from ..model import Receipt
from ..rules import Rule, Surroundings, run_rules
from ..scoring import ConfidenceModel, resolve
from ..validators import LabelledReceipt, Severity, Validator, run_validators
from .result import LabelResult

#: A shop less likely than this is as good as unknown.
LEAST_MERCHANT_SCORE = 0.5


class Labeller:
    """Labels receipts.

    Args:
        default_locale: the customs that hold where the shop is not known.
        rules: the rules to run; all of the package if left out.
        validators: the checks to run; all of the package if left out.
        merchants: the shops to look for; all of the package if left out.
        model: how the recogniser's confidence enters.
    """

    def __init__(
        self,
        default_locale: str = "default",
        rules: Sequence[Rule] | None = None,
        validators: Sequence[Validator] | None = None,
        merchants: Sequence[MerchantPattern] | None = None,
        model: ConfidenceModel | None = None,
    ) -> None:
        self._default_locale = locale(default_locale)
        self._rules = rules
        self._validators = validators
        self._merchants = merchants
        self._model = model

    def label(self, receipt: Receipt) -> LabelResult:
        """Label one receipt.

        Raises:
            EmptyReceipt: there are no words.
        """
        if not any(True for _ in receipt.words()):
            raise EmptyReceipt(f"receipt {receipt.receipt_id} of {receipt.image_id} is empty")
        guess = guess_merchant(receipt, self._merchants)
        if guess is not None and guess.score < LEAST_MERCHANT_SCORE:
            guess = None
        customs = self._default_locale if guess is None else locale(guess.merchant.locale)
        around = Surroundings(receipt, customs, guess)
        labels = resolve(run_rules(around, self._rules), self._model)
        labelled = LabelledReceipt(receipt, labels, customs)
        findings = run_validators(labelled, self._validators)
        suspects = frozenset(
            key
            for finding in findings
            if finding.severity is not Severity.NOTE
            for key in finding.words
        )
        return LabelResult(receipt, labels, findings, guess, customs.name, suspects)
