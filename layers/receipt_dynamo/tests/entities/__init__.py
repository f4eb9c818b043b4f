"""Tests of the entities, one module each."""
