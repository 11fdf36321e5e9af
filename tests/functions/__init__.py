"""Tests of `pluggrad.functions`."""
