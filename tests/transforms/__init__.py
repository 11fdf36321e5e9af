"""Tests of `pluggrad.transforms`."""
