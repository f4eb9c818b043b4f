"""The client's methods for queues."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.queue import Queue
from ..pagination import Page
from .base import ClientBase


class QueueMixin(ClientBase):
    """Reads and writes queues."""

    def add_queue(self, queue: Queue) -> None:
        """Add a queue.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(queue)

    def put_queues(self, queues: Iterable[Queue]) -> int:
        """Write queues in batches, over those that are there; returns how many."""
        return self._put_all(queues)

    def update_queue(self, queue: Queue) -> None:
        """Replace a queue.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(queue)

    def get_queue(self, queue_name: str) -> Queue:
        """Read one queue.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Queue, Queue.key_of(queue_name))

    def get_queues_by_keys(self, keys: Iterable[tuple[str]]) -> list[Queue]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Queue, (Queue.key_of(*key) for key in keys))

    def delete_queue(self, queue_name: str) -> None:
        """Delete one queue.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Queue, Queue.key_of(queue_name))

    def delete_queues(self, queues: Iterable[Queue]) -> int:
        """Delete queues in batches; returns how many were asked for."""
        return self._delete_all(queue.key for queue in queues)

    def list_queues(self, limit: int | None = None, cursor: str | None = None) -> Page[Queue]:
        """All queues, a page at a time."""
        return self._list(Queue, limit, cursor)
