"""Reductions with all of NumPy's arguments."""
