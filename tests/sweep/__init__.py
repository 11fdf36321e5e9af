"""The sweep over NumPy's functions: each argument of each function is honoured or refused.

``python -m tests.sweep --help`` says how to run it.
"""
