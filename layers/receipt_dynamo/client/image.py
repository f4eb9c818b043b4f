"""The client's methods for images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..constants import Index, ImageType
from ..entities.image import Image
from ..exceptions import translated
from ..keys import Key, compose
from ..pagination import Page, collect
from .base import ClientBase


class ImageMixin(ClientBase):
    """Reads and writes images."""

    def add_image(self, image: Image) -> None:
        """Add an image.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(image)

    def put_images(self, images: Iterable[Image]) -> int:
        """Write images in batches, over those that are there; returns how many."""
        return self._put_all(images)

    def update_image(self, image: Image) -> None:
        """Replace an image.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(image)

    def get_image(self, image_id: str) -> Image:
        """Read one image.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Image, Image.key_of(image_id))

    def get_images_by_keys(self, keys: Iterable[tuple[str]]) -> list[Image]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Image, (Image.key_of(*key) for key in keys))

    def delete_image(self, image_id: str) -> None:
        """Delete one image.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Image, Image.key_of(image_id))

    def delete_images(self, images: Iterable[Image]) -> int:
        """Delete images in batches; returns how many were asked for."""
        return self._delete_all(image.key for image in images)

    def list_images(self, limit: int | None = None, cursor: str | None = None) -> Page[Image]:
        """All images, a page at a time."""
        return self._list(Image, limit, cursor)

    def list_images_by_type(
        self, image_type: ImageType, limit: int | None = None, cursor: str | None = None
    ) -> Page[Image]:
        """Images of one type, oldest first."""
        partition = compose("IMAGE_TYPE", image_type.value)
        return self._list_index(Image, Index.GSI1, partition, limit, cursor)

    def delete_image_partition(self, image_id: str) -> int:
        """Delete a picture with everything that was found on it.

        Returns:
            how many records there were.
        """
        request = {
            "KeyConditionExpression": "PK = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"IMAGE#{image_id}"}},
        }

        def query(**call: Any) -> dict[str, Any]:
            return self._service.query(TableName=self.table_name, **call)

        with translated(f"reading the partition of image {image_id}"):
            items, _ = collect(query, request, limit=None, cursor=None)
        return self._delete_all(Key.from_item(item) for item in items)
