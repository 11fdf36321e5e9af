"""NumPy's elementwise functions beyond the standard."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, add
from .elementwise import REAL, binary, extremes, unary, zero
from .rows import (
    about,
    greater,
    jnp_function,
    lesser,
    mp,
    nan,
    numbers,
    partials,
    shaped,
    torch_function,
    usual,
)

signs = about("signs", numbers(7.0, -7.0, 7.5, -7.5), numbers(3.0, 3.0, -3.0, -3.0))

unary("fabs", 0.2, 2, abs, about("kinks", numbers(-1.0, 0.0, 2.0), convention="abs-zero", orders=1, expected=partials(np.sign)),
      domains=REAL, torch=torch_function("abs"))
unary("rint", 0.1, 0.4, None, about("kinks", numbers(-1.5, 0.5, 2.0)), domains=REAL, torch=torch_function("round"))
unary("exp2", -2, 2, lambda x: mp.mpf(2) ** x, about("huge", numbers(2000.0, -2000.0, 1.0)), domains=REAL)
unary("cbrt", 0.2, 2, lambda x: mp.sign(x) * mp.cbrt(abs(x)), about("negative", numbers(-8.0, -0.5)), about("tiny", numbers(1e-30, -1e-30), orders=1), domains=REAL,
      torch=lambda torch, x: torch.sign(x) * torch.abs(x) ** (1 / 3))
unary("deg2rad", -2, 2, lambda x: x * mp.mpf(mp.pi()) / 180, extremes(1.0), domains=REAL)
unary("rad2deg", -2, 2, lambda x: x * 180 / mp.mpf(mp.pi()), extremes(1.0), domains=REAL)
binary("fmod", 0.5, 2, lambda x, y: x - y * (mp.floor(x / y) if x / y > 0 else mp.ceil(x / y)), signs, about("a number", Array((3,), 0.5, 6.0), 2.0), domains=REAL)
binary("logaddexp2", -2, 2, lambda x, y: mp.log(mp.mpf(2) ** x + mp.mpf(2) ** y, 2), about("ties", numbers(1.0, -700.0), numbers(1.0, -700.0)),
       about("far apart", numbers(0.0, 50.0), numbers(40.0, 20.0)), domains=REAL)
binary("float_power", 0.3, 2, lambda x, y: x**y)
binary("heaviside", 0.2, 2, None, about("signs", numbers(2.0, -2.0), numbers(0.5, 0.5)),
       about("zeros", numbers(0.0, -0.0, 1.0), numbers(0.5, 2.0, 2.0), orders=1, convention="heaviside", expected=partials(zero, lambda x, y: np.where(x == 0, 1.0, 0.0))),
       domains=REAL, torch=lambda torch, x, y: torch.where(x == 0, y, (torch.sign(x) + 1) / 2))

for name, exact, wins in (("fmax", greater, np.greater), ("fmin", lesser, np.less)):
    def share(x: Any, y: Any, wins: Any = wins) -> Any:
        """1 for `x` where it wins or stands beside a nan, half of it on a tie."""
        return np.where(np.isnan(y) | wins(x, y), 1.0, np.where(x == y, 0.5, 0.0))

    by_order = partials(share, lambda x, y, share=share: share(y, x))
    binary(name, -2, 2, lambda x, y, exact=exact: y if x != x else x if y != y else exact(x, y),
           about("ties", numbers(1.0, 2.0, 3.0, 0.0), numbers(2.0, 2.0, 2.0, -0.0), convention="ties", expected=by_order),
           about("nan", numbers(nan, 1.0, 1.0), numbers(1.0, nan, 2.0), convention="ties", orders=1, expected=by_order), domains=REAL)

add("divmod", "elementwise", usual(Array((2, 3), 0.5, 2), Array((2, 3), 0.5, 2)), shaped("0-d", Array((), 0.5, 2), Array((), 0.5, 2)),
    shaped("broadcast", Array((2, 1), 0.5, 2), Array((3,), 0.5, 2)), signs, domains=REAL,
    torch=lambda torch, x, y: (torch.floor_divide(x, y).detach() + 0 * x, torch.remainder(x, y)), jax=jnp_function("jax.numpy", "divmod"))
add("modf", "elementwise", usual(Array((2, 3))), shaped("0-d", Array()), shaped("empty", Array((0, 3))), about("negative", numbers(-1.5, -0.25)),
    domains=REAL, torch=lambda torch, x: (torch.frac(x), torch.trunc(x)), jax=jnp_function("jax.numpy", "modf"))
add("frexp", "elementwise", usual(Array((2, 3), 0.2, 2)), shaped("0-d", Array((), 0.2, 2)), shaped("empty", Array((0, 3))), about("negative", numbers(-6.0, 0.25)),
    domains=REAL)
add("ldexp", "elementwise", usual(Array((2, 3)), Array((2, 3), -3, 3, dtype="int64")), shaped("0-d", Array(), Array((), -3, 3, dtype="int64")), shaped("broadcast", Array((2, 1)), Array((3,), -3, 3, dtype="int64")),
    about("huge", numbers(1e-30, 1.5), Array(values=(90, -90), dtype="int64")), domains=REAL,
    torch=lambda torch, x, k: x * torch.exp2(k.to(x.dtype)))  # torch's own rounds 2^k to single precision
