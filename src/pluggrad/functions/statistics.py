"""Averages, quantiles, covariances and histograms, with NumPy's names and meaning."""
