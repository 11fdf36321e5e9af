"""Making arrays, also from Variables, with NumPy's names and meaning."""
