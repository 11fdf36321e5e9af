"""Linear algebra beyond the standard, with NumPy's names and meaning."""
