"""Tests of `pluggrad.arrays`, and of our backends."""
