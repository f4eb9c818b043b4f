"""Settings from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import BadEvent


@dataclass(frozen=True)
class Settings:
    """What the function needs to know about its surroundings.

    Attributes:
        table: the table of receipts.
        locale: the customs where the shop is unknown.
        dry_run: label, but write nothing.
    """

    table: str
    locale: str = "default"
    dry_run: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read ``RECEIPTS_TABLE``, ``RECEIPT_LOCALE`` and ``RECEIPT_DRY_RUN``."""
        given = os.environ if environment is None else environment
        table = given.get("RECEIPTS_TABLE", "")
        if not table:
            raise BadEvent("the environment variable RECEIPTS_TABLE is not set")
        return cls(
            table=table,
            locale=given.get("RECEIPT_LOCALE", "default"),
            dry_run=given.get("RECEIPT_DRY_RUN", "").lower() in {"1", "true", "yes"},
        )
