"""Trying again, with pauses that grow."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from .exceptions import is_retryable

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait in between.

    Attributes:
        attempts: tries in all, the first included.
        first_pause: seconds before the second try.
        factor: by how much each pause exceeds the one before.
        longest_pause: no pause exceeds this many seconds.
        jitter: the share of a pause that is left to chance, 0 to 1.
        sleep: what waits; replaced in tests.
    """

    attempts: int = 6
    first_pause: float = 0.05
    factor: float = 2.0
    longest_pause: float = 3.0
    jitter: float = 0.3
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")
        if not 0.0 <= self.jitter <= 1.0:
            raise ValueError("jitter must lie between 0 and 1")

    def pauses(self) -> Iterator[float]:
        """The pauses between the tries, one fewer than there are tries."""
        pause = self.first_pause
        for _ in range(self.attempts - 1):
            chance = 1.0 - self.jitter * random.random()
            yield min(pause, self.longest_pause) * chance
            pause *= self.factor

    def run(self, action: Callable[[], T]) -> T:
        """Call ``action`` until it succeeds; the last error is raised as it is."""
        for pause in self.pauses():
            try:
                return action()
            except Exception as error:
                if not is_retryable(error):
                    raise
                self.sleep(pause)
        return action()


#: For tests and scripts that must not wait.
NO_RETRY = RetryPolicy(attempts=1)
