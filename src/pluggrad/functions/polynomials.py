"""Polynomials by their coefficients, with NumPy's names and meaning."""
