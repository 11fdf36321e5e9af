"""Beyond the standard: interpolation, repair of nan, evenly spaced numbers."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, add
from .rows import about, inf, jnp_function, mp, nan, numbers, partials, shaped, usual

scalar = Array()
grid = numbers(0.0, 1.0, 2.5, 3.0)

# ---------------------------------------------------------------- linspace


def torch_linspace(torch: Any, start: Any, stop: Any, num: int, endpoint: bool = True) -> Any:
    """torch's linspace takes no tensors: from the shares of both ends."""
    share = torch.arange(num) / max(num - bool(endpoint), 1)
    return start + (stop - start) * share


add("linspace", "elementwise", usual(scalar, scalar, 5), shaped("one", scalar, scalar, 1), about("without the end", scalar, scalar, 4, endpoint=False),
    torch=torch_linspace, jax=lambda jnp, start, stop, num, endpoint=True: jnp.linspace(start, stop, num, endpoint=endpoint))
add("logspace", "elementwise", usual(scalar, scalar, 5), about("another base", scalar, scalar, 3, base=2.5),
    torch=lambda torch, start, stop, num, base=10.0: base ** torch_linspace(torch, start, stop, num))
positive = Array((), 0.5, 3.0)
add("geomspace", "elementwise", usual(positive, positive, 5), about("without the end", positive, positive, 3, endpoint=False), domains=("real",),
    torch=lambda torch, start, stop, num, endpoint=True: 10 ** torch_linspace(torch, torch.log10(start), torch.log10(stop), num, endpoint))

# ---------------------------------------------------------------- interp


def torch_interp(torch: Any, x: Any, xp: Any, fp: Any) -> Any:
    """Linear between the two points that surround `x`; constant outside."""
    k = torch.clamp(torch.searchsorted(xp.detach(), x.detach(), right=True), 1, xp.shape[0] - 1)
    x0, x1, f0, f1 = xp[k - 1], xp[k], fp[k - 1], fp[k]
    inside = f0 + (f1 - f0) * (x - x0) / (x1 - x0)
    return torch.where(x < xp[0], fp[0], torch.where(x > xp[-1], fp[-1], inside))


add("interp", "elementwise", usual(Array((5,), 0.1, 2.9), grid, Array((4,))), shaped("0-d", Array((), 0.1, 2.9), grid, Array((4,))),
    shaped("large", Array((1000,), 0.1, 2.9), grid, Array((4,))), shaped("batched", Array((2, 3), 0.1, 2.9), grid, Array((4,))),
    about("outside", numbers(-1.0, 5.0, 0.7), grid, Array((4,))), domains=("real",), torch=torch_interp, jax=jnp_function("jax.numpy", "interp"))

# ---------------------------------------------------------------- angle, sinc

add("angle", "elementwise", usual(Array((2, 3), 0.3, 2.0)), shaped("0-d", Array((), 0.3, 2.0)), shaped("empty", Array((0, 3))), shaped("large", Array((10, 100), 0.3, 2.0)),
    about("signs", numbers(2.0, -3.0, 0.5), domain="real"), about("degrees", Array((3,), 0.3, 2.0), deg=True),
    about("complex zeros", numbers(0j, 3 + 4j, -2j), domain="complex", convention="atan2-zero", orders=1,
          expected=partials(lambda z: np.where(z == 0, 0j, 1j * z / np.where(z == 0, 1.0, np.abs(z) ** 2)))),
    torch=lambda torch, x, deg=False: torch.rad2deg(torch.angle(x)) if deg else torch.angle(x))
add("sinc", "elementwise", usual(Array((2, 3), 0.4, 2.0)), shaped("0-d", Array((), 0.4, 2.0)), shaped("empty", Array((0, 3))), shaped("large", Array((10, 100), 0.4, 2.0)),
    about("zeros", numbers(0.0, -0.0, 1e-7), domain="real"), about("near", numbers(0.31, 0.33, -0.32), domain="real"),
    exact=lambda x: mp.mpf(1) if x == 0 else mp.sin(mp.pi() * x) / (mp.pi() * x), domains=("real",))

# ---------------------------------------------------------------- nan_to_num

add("nan_to_num", "elementwise", usual(Array((2, 3))), shaped("0-d", scalar), shaped("empty", Array((0, 3))),
    about("nan", numbers(nan, 2.0), domain="real"), about("infinities", numbers(nan, inf, -inf, 1.0), domain="real", dtypes=("float64",)),
    about("chosen", numbers(nan, inf, -inf, 1.0), domain="real", nan=1.0, posinf=2.0, neginf=3.0),
    torch=lambda torch, x, nan=0.0, posinf=None, neginf=None: torch.nan_to_num(x, nan, posinf, neginf), jax=jnp_function("jax.numpy", "nan_to_num"))
