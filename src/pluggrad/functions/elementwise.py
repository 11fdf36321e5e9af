"""NumPy's elementwise functions that the standard lacks, or calls by other names."""
