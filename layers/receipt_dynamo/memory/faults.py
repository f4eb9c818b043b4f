"""A table that misbehaves on request, to test how callers cope."""

from __future__ import annotations

from typing import Any

from .table import ServiceError, MemoryTable


class FlakyTable(MemoryTable):
    """A table that throttles calls and leaves parts of batches unprocessed.

    Args:
        name: as for :class:`MemoryTable`.
        throttled_calls: so many calls fail with a throttling error before one succeeds.
        unprocessed_rounds: so many batch writes return their second half unprocessed.
    """

    def __init__(
        self, name: str, throttled_calls: int = 0, unprocessed_rounds: int = 0
    ) -> None:
        super().__init__(name)
        self.throttled_calls = throttled_calls
        self.unprocessed_rounds = unprocessed_rounds
        self.calls = 0

    def _maybe_throttle(self) -> None:
        self.calls += 1
        if self.throttled_calls > 0:
            self.throttled_calls -= 1
            raise ServiceError("ThrottlingException", "slow down")

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write an item, perhaps not now."""
        self._maybe_throttle()
        return super().put_item(**request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read an item, perhaps not now."""
        self._maybe_throttle()
        return super().get_item(**request)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Write a batch, perhaps only half of it."""
        self._maybe_throttle()
        wanted = self._only_table(request["RequestItems"])
        if self.unprocessed_rounds <= 0 or len(wanted) < 2:
            return super().batch_write_item(**request)
        self.unprocessed_rounds -= 1
        half = len(wanted) // 2
        super().batch_write_item(RequestItems={self.name: wanted[:half]})
        return {"UnprocessedItems": {self.name: wanted[half:]}}
