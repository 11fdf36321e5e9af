"""Tests of `pluggrad.staging`."""
