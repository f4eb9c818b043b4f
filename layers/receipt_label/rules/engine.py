"""Running all rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .base import Proposal, Rule, Surroundings
from .contact import ContactRule
from .items import ItemsRule
from .merchant_name import MerchantNameRule
from .payment import PaymentRule
from .references import ReferencesRule
from .totals import TotalsRule
from .when import WhenRule


def default_rules() -> list[Rule]:
    """All rules of the package."""
    return [
        MerchantNameRule(),
        ContactRule(),
        WhenRule(),
        ReferencesRule(),
        ItemsRule(),
        TotalsRule(),
        PaymentRule(),
    ]


def run_rules(around: Surroundings, rules: Sequence[Rule] | None = None) -> list[Proposal]:
    """The proposals of all rules, in reading order, the best first."""
    chosen: Iterable[Rule] = default_rules() if rules is None else rules
    proposals = [proposal for rule in chosen for proposal in rule.propose(around)]
    return sorted(proposals, key=lambda each: (each.word.key, -each.score, each.label.value))
