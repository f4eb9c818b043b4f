"""A stale copy, as builds leave behind."""

__version__ = "0.0.0"
