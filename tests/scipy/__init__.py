"""Tests of `pluggrad.scipy`."""
