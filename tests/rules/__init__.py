"""Tests of `pluggrad.rules`."""
