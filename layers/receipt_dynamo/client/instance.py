"""The client's methods for instances."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, InstanceStatus
from ..entities.instance import Instance
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class InstanceMixin(ClientBase):
    """Reads and writes instances."""

    def add_instance(self, instance: Instance) -> None:
        """Add an instance.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(instance)

    def put_instances(self, instances: Iterable[Instance]) -> int:
        """Write instances in batches, over those that are there; returns how many."""
        return self._put_all(instances)

    def update_instance(self, instance: Instance) -> None:
        """Replace an instance.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(instance)

    def get_instance(self, instance_id: str) -> Instance:
        """Read one instance.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Instance, Instance.key_of(instance_id))

    def get_instances_by_keys(self, keys: Iterable[tuple[str]]) -> list[Instance]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Instance, (Instance.key_of(*key) for key in keys))

    def delete_instance(self, instance_id: str) -> None:
        """Delete one instance.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Instance, Instance.key_of(instance_id))

    def delete_instances(self, instances: Iterable[Instance]) -> int:
        """Delete instances in batches; returns how many were asked for."""
        return self._delete_all(instance.key for instance in instances)

    def list_instances(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[Instance]:
        """All instances, a page at a time."""
        return self._list(Instance, limit, cursor)

    def list_instances_by_status(
        self, status: InstanceStatus, limit: int | None = None, cursor: str | None = None
    ) -> Page[Instance]:
        """Instances in one state, oldest first."""
        partition = compose("INSTANCE_STATUS", status.value)
        return self._list_index(Instance, Index.GSI1, partition, limit, cursor)
