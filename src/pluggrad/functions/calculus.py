"""Differences, integrals, interpolation and convolutions, with NumPy's names and meaning."""
