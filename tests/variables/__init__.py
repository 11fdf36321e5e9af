"""Tests of `pluggrad.variables`."""
