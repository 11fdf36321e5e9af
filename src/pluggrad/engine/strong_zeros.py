"""Strong zeros: a zero cotangent annihilates infinities and nan in elementwise rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy

from ..arrays.backend import backend_of
from ..arrays.dispatch import xp
from .cotangents import is_complex
from .handles import raw_of
from .lazy_cotangents import LazyCotangent, Uniform
from .modes import changed
from .primitive import PASS, Primitive, Rule, _careful_pull, _puller

__all__ = ["annihilating", "pull_in_adopted", "strong_rule", "strong_zeros"]


def strong_zeros() -> changed:
    """A zero cotangent annihilates infinities and nan in the rules of elementwise functions.

    The derivative of ``where(x > 0, log(x), 0)`` at 0 is 0 · ∞ = nan, here as in torch and JAX,
    because the branch that was not taken is differentiated, too. For operations recorded in this
    block, and for walks made in it, the derivative is 0: rules compute ``t ⊙ partial``, where ⊙ is
    the product with 0 ⊙ anything = 0. This product is bilinear, so derivatives of every order use
    it, in both modes.

    It changes no function value, and changes a finite derivative by at most a rounding error
    (unless the partial derivative overflows on the way). It applies to functions that act element
    by element. The rules of reductions (``max``, ``prod``, ``std``, ...), contractions (``matmul``,
    ``vecdot``, ...), ``fft`` and ``linalg`` keep the ordinary product, and so do the computations
    of custom rules. As a decorator it holds in the body of a function. Other threads do not see it,
    and a function compiled by ``jax.jit`` keeps the mode in which it was traced. Elementwise rules
    take two to three times as long.

    >>> import numpy as np, pluggrad as pg
    >>> f = lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0))
    >>> with pg.strong_zeros():
    ...     pg.grad(f)(np.asarray([0.0, 4.0]))
    array([0.  , 0.25])
    """
    return changed(strong=True)


def strong_rule(rule: Rule) -> Rule:
    """`rule` with the product ⊙ between the cotangent and the partial derivative."""
    try:
        return rule.strong
    except AttributeError:
        pass
    primitive, formula = rule.primitive, getattr(rule, "formula", None)
    if not primitive.pointwise or formula is None or formula is PASS:
        rule.strong = rule
        return rule
    pull = annihilating(_puller(formula, len(rule.names)), primitive)
    if rule.is_careful:
        pull = _careful_pull(pull, primitive)
    made = rule.variant(pull)
    made.strong = made
    rule.strong = made
    return made


def pull_in_adopted(saved_of: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """The function with which the walk pulls a cotangent through an edge while packages are
    adopted: with strong zeros where the ordinary product is infinite or nan. Nobody can write the
    package's ``np.where`` in another way. ``saved_of(edge, node)`` gives the edge's saved values.
    """

    def pull(edge: Any, node: Any, g: Any) -> Any:
        rule, saved = edge.rule, saved_of(edge, node)
        if not rule.primitive.pointwise:
            return rule.pull(g, saved)
        c = rule.pull(g, saved)
        return c if _is_finite(c) else strong_rule(rule).pull(g, saved)

    return pull


def _is_finite(c: Any) -> bool:
    """Whether all elements are known to be finite."""
    if c is None or isinstance(c, LazyCotangent):
        return True
    raw = raw_of(c)
    backend = backend_of(raw)
    known = None if backend is None else backend.adapter.host(raw)
    return known is not None and bool(numpy.isfinite(known).all())


def quiet(t: Any) -> Any:
    """A context in which NumPy does not warn of the infinities that are annihilated next."""
    backend = backend_of(t)
    if backend is None or backend.adapter.reads_code:  # its compiler cannot read this
        return nullcontext()
    return numpy.errstate(divide="ignore", invalid="ignore", over="ignore")


def annihilating(f: Callable[..., Any], primitive: Primitive) -> Callable[..., Any]:
    """A function that computes `f(t, ...)`, which is linear in `t` and acts element by element, as
    ``t ⊙ f(1, ...)``."""

    def strong(t: Any, *rest: Any) -> Any:
        if type(t) is Uniform:
            if t.one:
                return f(t, *rest)
            t = t.dense()
        with strong_zeros(), quiet(t):
            one = xp.ones_like(t)
            if primitive.holomorphic or not is_complex(t):
                return xp.strong_multiply(t, f(one, *rest))
            parts = (xp.real(t), f(one, *rest)), (xp.imag(t), f(one * 1j, *rest))
            return xp.strong_multiply(*parts[0]) + xp.strong_multiply(*parts[1])

    return strong
