"""`pad`, with every mode of NumPy's."""
