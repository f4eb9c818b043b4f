"""Moving records out of a table and into another one."""

from .export import ExportReport, export_image, export_table
from .load import LoadReport, load_lines

__all__ = ["ExportReport", "LoadReport", "export_image", "export_table", "load_lines"]
