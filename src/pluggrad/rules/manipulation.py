"""Manipulation functions: reorder, repeat, join. All linear."""

from __future__ import annotations

from ..cotangents import shape_dtype, sum_to
from ..dispatch import xp
from .kinds import PASS, bilinear, constant, general, linear

# fmt: off
linear("broadcast_to(x, /, shape)",         lambda g, like: sum_to(g, shape_dtype(like)[0]), aliases=True)
linear("reshape(x, /, shape, *, copy=None)", lambda g, like: xp.reshape(g, shape_dtype(like)[0]), aliases=True)
linear("expand_dims(x, /, *, axis=0)",      lambda g, like: xp.reshape(g, shape_dtype(like)[0]), aliases=True)
linear("squeeze(x, /, axis)",               lambda g, like: xp.reshape(g, shape_dtype(like)[0]), aliases=True)
linear("astype(x, dtype, /, *, copy=True, device=None)", lambda g, like: xp.astype(g, shape_dtype(like)[1]), aliases=True)
linear("matrix_transpose(x, /)",            lambda g: xp.matrix_transpose(g), aliases=True)
linear("copy(x, /)", lambda g: g, fallback=lambda x: x + 0)
bilinear("matmul(x1, x2, /)", lambda g, x2: g @ x2.mT, lambda g, x1: x1.mT @ g)
# fmt: on
