"""Tracing functions, and the programs that come of it."""
