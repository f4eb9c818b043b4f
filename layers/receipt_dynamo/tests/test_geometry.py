"""Tests of points and rectangles."""

from __future__ import annotations

import unittest

from receipt_dynamo.entities.geometry import BoundingBox, Point, read_box, read_point
from receipt_dynamo.exceptions import InvalidEntity, InvalidItem


class GeometryTest(unittest.TestCase):
    def test_points(self) -> None:
        self.assertAlmostEqual(Point(0.0, 0.0).distance_to(Point(3.0, 4.0)), 5.0)
        turned = Point(1.0, 0.0).rotated(90.0, Point(0.0, 0.0))
        self.assertAlmostEqual(turned.x, 0.0)
        self.assertAlmostEqual(turned.y, 1.0)

    def test_boxes(self) -> None:
        box = BoundingBox(0.0, 0.0, 2.0, 2.0)
        self.assertEqual(box.centre, Point(1.0, 1.0))
        self.assertEqual(box.overlap(BoundingBox(1.0, 1.0, 2.0, 2.0)), 1.0)
        self.assertEqual(box.overlap(BoundingBox(5.0, 5.0, 1.0, 1.0)), 0.0)
        with self.assertRaises(InvalidEntity):
            BoundingBox(0.0, 0.0, -1.0, 1.0)

    def test_attributes(self) -> None:
        box, point = BoundingBox(0.1, 0.2, 0.3, 0.4), Point(1 / 3, 2 / 3)
        item = {"box": box.to_attribute(), "point": point.to_attribute()}
        self.assertEqual(read_box(item, "box"), box)
        self.assertEqual(read_point(item, "point"), point)
        with self.assertRaises(InvalidItem):
            read_point(item, "missing")


if __name__ == "__main__":
    unittest.main()
