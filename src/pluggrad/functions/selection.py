"""Choosing, sorting and writing elements, with NumPy's names and meaning."""
