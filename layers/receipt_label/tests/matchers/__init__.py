"""Tests of the matchers, one module each."""
