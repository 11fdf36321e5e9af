"""Custom operations and checkpoints never lose the gradient of what they close over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import leaf_of, value_of
from tests.support.operations import made_by_function, made_by_jvp, made_by_vjp

ONE = np.asarray(1.0)


def closing_over(kind: str, c: Any, a: Any) -> Any:
    """a * c, by an operation of `a` that closes over `c`, or has it as a setting."""
    if kind == "custom_jvp":
        return made_by_jvp(lambda a: a * c, lambda p, t: (p[0] * c, t[0] * c))(a)
    if kind == "custom_vjp":
        return made_by_vjp(lambda a: a * c, lambda a: (a * c, None), lambda r, g: (g * c,))(a)
    if kind == "custom_vjp, in a list":
        box = [c]
        return made_by_vjp(
            lambda a: a * box[0], lambda a: (a * box[0], None), lambda r, g: (g * box[0],)
        )(a)
    if kind == "custom_vjp, residual":
        return made_by_vjp(lambda a: a * c, lambda a: (a * c, c), lambda r, g: (g * r,))(a)
    if kind == "custom_vjp, nondiff_argnums":
        f = made_by_vjp(
            lambda c, a: a * c, lambda c, a: (a * c, None), lambda c, r, g: (g * c,),
            nondiff_argnums=(0,),
        )  # fmt: skip
        return f(c, a)
    if kind == "custom_jvp, nondiff_argnums":
        rule = lambda c, p, t: (p[0] * c, t[0] * c)
        return made_by_jvp(lambda c, a: a * c, rule, nondiff_argnums=(0,))(c, a)
    if kind == "Function":
        return made_by_function(lambda ctx, a: a * c, lambda ctx, g: g * c)(a)
    return pg.checkpoint(lambda a: a * c)(a)


S, A, C = np.asarray([1.0, 2.0, 3.0]), np.asarray(2.0), np.asarray(3.0)


def leaf_outside(run: Any) -> Any:
    w = leaf_of(3.0)
    run(w).backward()
    return w.grad


#: What may be around it: a mapped value, one that is differentiated at the same level, or another.
AROUND: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "grad(vmap)": (
        lambda per: pg.grad(lambda a: pg.sum(pg.vmap(lambda t: per(t, a))(S)))(A), 6),
    "vmap(grad)": (lambda per: pg.vmap(lambda t: pg.grad(lambda a: per(t, a))(A))(S), S),
    "vmap(jvp)": (
        lambda per: pg.vmap(lambda t: pg.jvp(lambda a: per(t, a), (A,), (ONE,))[1])(S), S),
    "jvp(vmap)": (
        lambda per: pg.jvp(lambda a: pg.sum(pg.vmap(lambda t: per(t, a))(S)), (A,), (ONE,))[1], 6),
    "grad(grad)": (lambda per: pg.grad(lambda w: pg.grad(lambda a: per(w, a) * a)(A))(C), 4),
    "jvp(grad)": (
        lambda per: pg.jvp(lambda w: pg.grad(lambda a: per(w, a) * a)(A), (C,), (ONE,))[1], 4),
    "grad(jvp)": (
        lambda per: pg.grad(lambda w: pg.jvp(lambda a: per(w, a) * a, (A,), (ONE,))[1])(C), 4),
    "the same level": (lambda per: pg.grad(lambda w: per(w, w))(C), 6),
    "a level inside": (lambda per: pg.grad(lambda a: pg.grad(lambda w: per(w, a))(C))(A), 1),
    "a level inside, jvp": (
        lambda per: pg.grad(lambda a: pg.jvp(lambda w: per(w, a), (C,), (ONE,))[1])(A), 1),
    "of a constant": (lambda per: pg.grad(lambda w: per(w, A))(C), 2),
    "of a constant Variable": (lambda per: pg.grad(lambda w: per(w, Variable(A)))(C), 2),
    "a leaf": (lambda per: leaf_outside(lambda w: per(w, leaf_of(2.0))), 2),
    "a leaf outside of grad": (
        lambda per: leaf_outside(lambda w: pg.grad(lambda a: per(w, a) * a)(A)), 4),
    "a leaf outside of vmap": (
        lambda per: leaf_outside(lambda w: pg.sum(pg.vmap(lambda a: per(w, a))(S))), 6),
    "vmap(vmap)": (lambda per: pg.vmap(lambda c: pg.sum(pg.vmap(lambda a: per(c, a))(S)))(S), 6 * S),
    "grad(vmap(vmap))": (
        lambda per: pg.grad(lambda q: pg.sum(
            pg.vmap(lambda c: pg.sum(pg.vmap(lambda a: per(c, a))(q)))(S)))(S), [6, 6, 6]),
}  # fmt: skip


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("kind", [
    "custom_jvp", "custom_vjp", "custom_vjp, in a list", "custom_vjp, residual",
    "custom_vjp, nondiff_argnums", "custom_jvp, nondiff_argnums", "Function", "checkpoint",
])  # fmt: skip
def test_a_gradient_is_right_or_the_closure_is_refused(kind: str, around: str) -> None:
    derive, want = AROUND[around]
    try:
        found = derive(lambda c, a: closing_over(kind, c, a))
    except pg.CapturedVariableError as error:
        assert kind != "checkpoint"  # which finds what is around it
        assert "was not handed it as an argument" in str(error)
    else:
        np.testing.assert_allclose(value_of(found), want)


def test_a_rule_may_use_what_is_around_it_where_no_gradient_is_lost() -> None:
    def scaled_backward(c: Any, a: Any) -> Any:
        return made_by_vjp(lambda a: a * 2.0, lambda a: (a * 2.0, None), lambda r, g: (g * c,))(a)

    assert pg.grad(lambda w: pg.grad(lambda a: scaled_backward(w, a))(A))(C) == 1.0
    np.testing.assert_array_equal(
        pg.vmap(lambda t: pg.grad(lambda a: scaled_backward(t, a))(A))(S), S
    )
    w, a = leaf_of(3.0), leaf_of(2.0)
    (g,) = pg.autograd.grad(scaled_backward(w, a) * a, [a], create_graph=True)
    assert value_of(pg.autograd.grad(g, [w])[0]) == 2.0
    with pytest.raises(pg.CapturedVariableError, match="mapped over"):
        pg.grad(lambda a: pg.sum(pg.vmap(lambda t: scaled_backward(t, a))(S)))(A)


def test_no_grad_inside_says_that_a_value_is_a_constant() -> None:
    w, x = leaf_of(3.0), leaf_of(2.0)

    def forward(ctx: Any, x: Any) -> Any:
        with pg.no_grad():
            y = x * w
        with pg.enable_grad():
            z = leaf_of(1.0)
            (g,) = pg.autograd.grad(z * z, [z])
        return y * g

    f = made_by_function(forward, lambda ctx, g: g * 6)
    f(x).backward()
    assert value_of(x.grad) == 6.0 and w.grad is None

    def careless(ctx: Any, x: Any) -> Any:
        with pg.no_grad():
            pg.sin(w)
        return x * w

    with pytest.raises(pg.CapturedVariableError, match="in multiply"):
        made_by_function(careless, lambda ctx, g: g)(x)
