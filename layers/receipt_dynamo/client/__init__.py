"""The client: one class, made of one mixin per kind of record."""

from .base import ClientBase, DynamoService
from .dynamo_client import DynamoClient

__all__ = ["ClientBase", "DynamoClient", "DynamoService"]
