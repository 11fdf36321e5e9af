"""Joining, splitting, turning and reshaping arrays, with NumPy's names and meaning."""
