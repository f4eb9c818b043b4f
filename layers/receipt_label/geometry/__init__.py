"""Places on a picture, as far as labelling needs them."""

from .boxes import Box, union
from .columns import Column, find_columns
from .grouping import group_into_lines
from .skew import straightened

__all__ = ["Box", "Column", "find_columns", "group_into_lines", "straightened", "union"]
