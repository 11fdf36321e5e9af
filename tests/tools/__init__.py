"""Tests of `pluggrad.tools`."""
