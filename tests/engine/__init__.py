"""Tests of `pluggrad.engine`."""
