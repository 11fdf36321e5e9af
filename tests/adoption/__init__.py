"""Tests of `pluggrad.adopt`."""
