"""The tests. They lie in folders like the packages of `src/pluggrad`; what is about the whole lies here.

`support` holds what several of them share, and no test file imports another.
"""
