"""``pluggrad compare MODULE:FUNCTION``: one function of the user's, on every backend and by every
other system: values, gradients, time and memory side by side, and who is wrong.

Nothing is imported here: each of many worker processes imports what it needs, and no more.
"""
