"""torch's own elementwise functions on Variables, which rules of pluggrad answer.

These rows are for torch alone. Most have the cases of the function of the standard that answers:
``arcsin`` those of ``asin``.
"""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..operations import OPERATIONS, Array, Case, Operation, add
from . import elementwise, special, ufuncs  # noqa: F401  (their rows come first)
from .rows import about, inf, nan, numbers, partials, shaped, torch_function, usual

__all__ = ["torch_row"]

REAL = ("real",)


def torch_row(path: str, kind: str, *cases: Case, name: str = "", how: Callable[..., Any] | None = None, **facts: Any) -> Operation:
    """A row for torch's function of that dotted name, which is called with Variables as torch has
    it, keywords included. ``how(torch, *args, **kwargs)`` is another way of calling it."""
    function = how or (method(path.removeprefix("Tensor.")) if path.startswith("Tensor.") else torch_function(path))

    def call(xp: Any, *args: Any, **kwargs: Any) -> Any:
        import torch

        return function(torch, *args, **kwargs)

    facts = {"torch": function, "no_jax": True, "backends": ("torch",), "call": call, "path": "" if how else f"torch.{path}", **facts}
    return add(f"torch.{name or path}", kind, *cases, **facts)


def method(name: str) -> Callable[..., Any]:
    """The method of that name of the first argument."""
    return lambda torch, x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


#: Which functions have the cases of which rows: the same arguments, and the same values.
SAME = """
abs absolute = abs
acos arccos = acos
acosh arccosh = acosh
asin arcsin = asin
asinh arcsinh = asinh
atan arctan = atan
atanh arctanh = atanh
angle = angle
ceil = ceil
cos = cos
cosh = cosh
exp = exp
expm1 special.expm1 = expm1
floor = floor
trunc fix = trunc
log = log
log10 = log10
log1p special.log1p = log1p
log2 = log2
neg negative = negative
positive = positive
reciprocal = reciprocal
sgn = sign
sin = sin
sinc special.sinc = special.sinc
sinh = sinh
sqrt = sqrt
square = square
tan = tan
tanh = tanh
conj conj_physical = conj
imag = imag
real = real
copysign = copysign
hypot = hypot
logaddexp = logaddexp
nextafter = nextafter
atan2 arctan2 = atan2
maximum = maximum
minimum = minimum
fmax = fmax
fmin = fmin
mul multiply = multiply
pow = pow
remainder = remainder
floor_divide = floor_divide
digamma special.digamma special.psi = special.digamma
erf special.erf = special.erf
erfc special.erfc = special.erfc
erfinv special.erfinv = special.erfinv
lgamma special.gammaln = special.gammaln
special.entr = special.entr
special.erfcx = special.erfcx
special.exp2 = special.exp2
sigmoid special.expit = special.expit
special.gammainc = special.gammainc
special.gammaincc = special.gammaincc
special.i0 = special.i0
special.i0e = special.i0e
special.i1 = special.i1
special.i1e = special.i1e
special.log_ndtr = special.log_ndtr
special.logit = special.logit
special.multigammaln = special.multigammaln
special.ndtr = special.ndtr
special.ndtri = special.ndtri
special.polygamma = special.polygamma
special.xlog1py = special.xlog1py
xlogy special.xlogy = special.xlogy
special.zeta = special.zeta
"""

#: Cases with arguments that torch does not take.
NOT_IN_TORCH = {("angle", "degrees"), ("maximum", "a number"), ("minimum", "a number")}

for line in SAME.strip().splitlines():
    theirs, _, ours = line.partition(" = ")
    row = OPERATIONS[ours]
    cases = [c for c in row.cases if (ours, c.name) not in NOT_IN_TORCH]
    for name in theirs.split():
        torch_row(name, row.kind, *cases, domains=row.domains, orders=row.orders, exact=row.exact, analytic=row.analytic,
              jax=row.jax or (lambda jnp, *args, row=row, **kwargs: row.in_namespace(jnp, *args, **kwargs)), no_jax=row.no_jax, inputs_of=ours)

m, column, row3, scalar = Array((2, 3)), Array((2, 1)), Array((3,)), Array()
part = Array((2, 3), 0.4, 2.0)
signs = about("zeros", numbers(-1.0, 0.0, -0.0, 2.0), domain="real")
ends = about("infinities", numbers(inf, -inf, nan, 1.0), domain="real", orders=1)

for name in ("add", "sub", "subtract", "rsub"):
    torch_row(name, "elementwise", usual(m, m), shaped("0-d", scalar, scalar), shaped("empty", Array((0, 3)), row3), shaped("broadcast", column, row3),
              about("alpha", m, m, alpha=2), about("a number", m, 1.5), about("alpha of a number", m, 1.5, alpha=-0.5), analytic=True)
for name in ("div", "divide", "true_divide"):
    torch_row(name, "elementwise", usual(m, part), shaped("0-d", scalar, Array((), 0.4, 2.0)), shaped("broadcast", column, Array((3,), 0.4, 2.0)), about("a number", m, 3.0), analytic=True)
torch_row("div", "elementwise", usual(m, part, rounding_mode="floor"), shaped("broadcast", column, Array((3,), 0.4, 2.0), rounding_mode="trunc"),
          about("towards zero", m, part, rounding_mode="trunc"), domains=REAL, name="div(rounding_mode)")
torch_row("rsqrt", "elementwise", usual(part), shaped("0-d", Array((), 0.4, 2.0)), shaped("empty", Array((0, 3))), about("tiny", numbers(1e-30, 1e30), domain="real"))
for name in ("relu", "nn.functional.relu"):
    torch_row(name, "elementwise", usual(m), shaped("0-d", scalar), shaped("empty", Array((0, 3))), shaped("large", Array((10, 100))), signs, ends, domains=REAL)
torch_row("round", "elementwise", usual(m), shaped("0-d", scalar), about("decimals", m, decimals=1), about("halves", numbers(0.5, 1.5, -2.5)), domains=REAL)
for name in ("clamp", "clip"):
    torch_row(name, "elementwise", usual(m, -0.5, 0.75), shaped("0-d", scalar, -0.5, 0.75), shaped("empty", Array((0, 3)), 0.0, 1.0),
              about("arrays", m, Array((2, 3), -2.0, -0.1), Array((3,), 0.1, 2.0)), about("low", m, min=0.0), about("high", m, max=0.25), domains=REAL)
torch_row("lerp", "elementwise", usual(m, m, m), about("a number", m, m, 0.25), shaped("broadcast", column, row3, Array((2, 3))), shaped("0-d", scalar, scalar, scalar))
torch_row("where", "elementwise", usual(Array((2, 3), dtype="bool"), m, m), shaped("broadcast", Array((2, 1), dtype="bool"), row3, scalar), about("a number", Array((2, 3), dtype="bool"), m, 0.5))
for name in ("__rsub__", "__rtruediv__", "__rpow__"):
    torch_row(f"Tensor.{name}", "elementwise", usual(part, 1.5), shaped("0-d", Array((), 0.4, 2.0), 3.0))
torch_row("sign", "elementwise", usual(m), shaped("0-d", scalar), about("zeros", numbers(0.0, -0.0, -1.0), convention="sign-zero", expected=partials(0.0)), domains=REAL)
