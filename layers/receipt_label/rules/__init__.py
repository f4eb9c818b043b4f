"""Rules propose labels. Each looks at one aspect of a receipt."""

from .base import Proposal, Rule, Surroundings
from .engine import default_rules, run_rules

__all__ = ["Proposal", "Rule", "Surroundings", "default_rules", "run_rules"]
