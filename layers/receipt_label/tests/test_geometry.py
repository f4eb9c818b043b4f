"""Tests of rectangles, columns, lines and tilt."""

from __future__ import annotations

import unittest

from receipt_label.geometry import Box, find_columns, group_into_lines, straightened, union
from receipt_label.geometry.columns import in_column
from receipt_label.geometry.skew import tilt


class BoxTest(unittest.TestCase):
    def test_extent(self) -> None:
        box = Box.at(0.1, 0.2, 0.3, 0.4)
        self.assertAlmostEqual(box.width, 0.3)
        self.assertAlmostEqual(box.height, 0.4)
        self.assertAlmostEqual(box.middle[0], 0.25)

    def test_refuses_what_is_inside_out(self) -> None:
        with self.assertRaises(ValueError):
            Box(1.0, 0.0, 0.0, 1.0)
        with self.assertRaises(ValueError):
            union([])

    def test_relations(self) -> None:
        left, right = Box.at(0, 0, 1, 1), Box.at(3, 0.5, 1, 1)
        self.assertEqual(left.gap_to(right), 2)
        self.assertEqual(right.gap_to(left), 2)
        self.assertEqual(left.vertical_overlap(right), 0.5)
        self.assertEqual(union([left, right]), Box(0, 0, 4, 1.5))


class ColumnTest(unittest.TestCase):
    def test_the_fullest_column_comes_first(self) -> None:
        boxes = [Box(0.0, 0, right, 1) for right in (0.30, 0.90, 0.91, 0.31, 0.89, 0.5)]
        columns = find_columns(boxes)
        self.assertEqual([column.members for column in columns], [(1, 2, 4), (0, 3)])
        self.assertTrue(in_column(boxes[1], columns[0]))
        self.assertFalse(in_column(boxes[0], columns[0]))


class LineTest(unittest.TestCase):
    def test_groups_in_reading_order(self) -> None:
        places = {
            "total": Box.at(0.1, 0.50, 0.2, 0.02),
            "price": Box.at(0.8, 0.505, 0.1, 0.02),
            "name": Box.at(0.3, 0.90, 0.4, 0.03),
        }
        lines = group_into_lines(["price", "total", "name"], places.__getitem__)
        self.assertEqual(lines, [["name"], ["total", "price"]])

    def test_tilt(self) -> None:
        pair = (Box.at(0.0, 0.0, 0.1, 0.1), Box.at(0.5, 0.5, 0.1, 0.1))
        self.assertAlmostEqual(tilt([pair]), 45.0)
        self.assertEqual(tilt([]), 0.0)
        back = straightened(pair[1], 45.0)
        self.assertAlmostEqual(back.middle[1], 0.5)


if __name__ == "__main__":
    unittest.main()
