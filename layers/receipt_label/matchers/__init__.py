"""Matchers find pieces of text that have a form: amounts, dates, telephone numbers."""

from .base import Match, Matcher
from .registry import all_matchers, matcher, matches_in

__all__ = ["Match", "Matcher", "all_matchers", "matcher", "matches_in"]
