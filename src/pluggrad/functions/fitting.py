"""Least-squares fits, with NumPy's names and meaning."""
