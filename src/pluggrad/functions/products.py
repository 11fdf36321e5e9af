"""Products of arrays, with NumPy's names and meaning."""
