"""Tests. Run them from the folder above the package; see docs/testing.md."""
