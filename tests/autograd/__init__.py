"""Tests of `pluggrad.autograd`."""
