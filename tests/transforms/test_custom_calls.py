"""Custom operations and checkpoints see what they saw when they were called, are transposed only if
they are linear, never lose the gradient of what they close over, and stay in their own library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import leaf_of, value_of
from tests.support.backends import ALL
from tests.support.optional import array_library

ONE, TWO = np.asarray(1.0), np.asarray([1.0, 2.0])


def by_jvp(fun: Any, rule: Any, **settings: Any) -> Any:
    f = pg.custom_jvp(fun, **settings)
    f.defjvp(rule)
    return f


def by_vjp(fun: Any, fwd: Any, bwd: Any, **settings: Any) -> Any:
    f = pg.custom_vjp(fun, **settings)
    f.defvjp(fwd, bwd)
    return f


def by_function(forward: Any, backward: Any, **more: Any) -> Any:
    methods = {"forward": forward, "backward": backward, **more}
    made = type("Made", (pg.autograd.Function,), {k: staticmethod(f) for k, f in methods.items()})
    return made.apply


# ---------------------------------------------------------------- what is seen at the call


def loop(kind: str) -> Callable[[Any], Any]:
    """3 (2 x²)², of two operations that close over the variable of a loop."""

    def net(x: Any) -> Any:
        for w in (2.0, 3.0):
            # ruff: noqa: B023  (that is the point)
            if kind == "custom_jvp":
                f = by_jvp(lambda z: w * z**2, lambda p, t: (w * p[0] ** 2, 2 * w * p[0] * t[0]))
            elif kind == "custom_vjp":
                f = by_vjp(
                    lambda z: w * z**2, lambda z: (w * z**2, z), lambda r, g: (2 * w * r * g,)
                )
            elif kind == "custom_vjp, residual":
                f = by_vjp(
                    lambda z: w * z**2, lambda z: (w * z**2, (z, w)),
                    lambda r, g: (2 * r[1] * r[0] * g,),
                )  # fmt: skip
            elif kind == "Function":

                def forward(ctx: Any, z: Any) -> Any:
                    ctx.save_for_backward(z)
                    return w * z**2

                f = by_function(forward, lambda ctx, g: 2 * w * ctx.saved_tensors[0] * g)
            elif kind == "checkpoint":
                f = pg.checkpoint(lambda z: w * z**2)
            elif kind == "checkpoint of a helper":
                helper = lambda z: w * z**2
                f = pg.checkpoint(lambda z: helper(z))
            elif kind == "checkpoint of a nested function":
                f = pg.checkpoint(lambda z: (lambda q: w * q**2)(z))
            else:
                settings = [w]
                f = pg.checkpoint(lambda z: settings[0] * z**2)
            x = f(x)
        return x

    return net


def twice(f: Any) -> Any:
    v = leaf_of(1.0)
    (g,) = pg.autograd.grad(f(v), [v], create_graph=True)
    return pg.autograd.grad(g, [v])[0]


def backward(f: Any) -> Any:
    v = leaf_of(1.0)
    f(v).backward()
    return v.grad


#: Every way to the derivatives of 12 x⁴ at 1, or at 1 and 2.
WAYS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "grad": (lambda f: pg.grad(f)(ONE), 48),
    "backward": (backward, 48),
    "jvp": (lambda f: pg.jvp(f, (ONE,), (ONE,))[1], 48),
    "hessian": (lambda f: pg.hessian(f)(ONE), 144),
    "grad(grad)": (lambda f: pg.grad(pg.grad(f))(ONE), 144),
    "hvp": (lambda f: pg.hvp(f, (ONE,), (ONE,)), 144),
    "create_graph": (twice, 144),
    "third": (lambda f: pg.grad(pg.grad(pg.grad(f)))(ONE), 288),
    "jacrev(jacfwd)": (lambda f: pg.jacrev(pg.jacfwd(f))(ONE), 144),
    "vmap(grad)": (lambda f: pg.vmap(pg.grad(f))(TWO), [48, 384]),
    "grad(vmap)": (lambda f: pg.grad(lambda x: pg.sum(pg.vmap(f)(x)))(TWO), [48, 384]),
    "hessian(vmap)": (
        lambda f: np.diag(pg.hessian(lambda x: pg.sum(pg.vmap(f)(x)))(TWO)), [144, 576]
    ),
    "vmap(hessian)": (lambda f: pg.vmap(pg.hessian(f))(TWO), [144, 576]),
    "vmap(jvp)": (lambda f: pg.vmap(lambda x: pg.jvp(f, (x,), (x,))[1])(TWO), [48, 768]),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [
    "custom_jvp", "custom_vjp", "custom_vjp, residual", "Function", "checkpoint",
    "checkpoint of a helper", "checkpoint of a nested function", "checkpoint of a list",
])  # fmt: skip
def test_the_variable_of_a_loop_is_that_of_the_call(kind: str, way: str) -> None:
    derive, want = WAYS[way]
    np.testing.assert_allclose(value_of(derive(loop(kind))), want)


scale = 2.0  # a global that a test changes


def test_globals_defaults_and_partial_functions_are_those_of_the_call() -> None:
    import functools

    global scale

    def scaled(z: Any, by: float) -> Any:
        return by * z**2 * scale

    programs = {
        "checkpoint": lambda: pg.checkpoint(functools.partial(scaled, by=3.0)),
        "custom_vjp": lambda: by_vjp(
            lambda z: scale * z, lambda z: (scale * z, None), lambda r, g: (6 * scale * g,)
        ),
        "Function": lambda: by_function(lambda ctx, z: z * scale, lambda ctx, g: 6 * scale * g),
    }
    for name, program in programs.items():
        scale = 2.0
        v = leaf_of(1.0)
        y = program()(v)
        scale = 100.0
        y.backward()
        assert value_of(v.grad) == 12.0, name
    scale = 2.0


@pytest.mark.parametrize("consumer", [lambda y: y, pg.sum, lambda y: pg.sum(y * y)])
def test_what_a_checkpoint_computes_again_is_compared_with_what_it_gave(consumer: Any) -> None:
    settings = {"w": 2.0}
    v = leaf_of([0.3, 0.7])
    y = pg.checkpoint(lambda z: pg.sin(settings["w"] * z))(v)
    z = pg.sum(consumer(y))
    del y
    settings["w"] = 3.0
    with pytest.raises(pg.DifferentiationError, match="other numbers"):
        z.backward()
    assert v.grad is None


@pytest.mark.parametrize("kind", ["custom_vjp", "custom_jvp"])
def test_what_a_rule_computes_again_is_compared_with_what_it_gave(kind: str) -> None:
    settings = {"w": 2.0}
    if kind == "custom_vjp":
        f = by_vjp(
            lambda z: settings["w"] * z**2, lambda z: (settings["w"] * z**2, settings["w"] * z),
            lambda r, g: (2 * r * g,),
        )  # fmt: skip
    else:
        f = by_jvp(
            lambda z: settings["w"] * z**2,
            lambda p, t: (settings["w"] * p[0] ** 2, 2 * settings["w"] * p[0] * t[0]),
        )
    v = leaf_of(1.0)
    y = f(v)
    settings["w"] = 3.0
    assert value_of(pg.autograd.grad(y, [v], retain_graph=True)[0]) == 4.0  # that of the call
    with pytest.raises(pg.DifferentiationError, match="other numbers than at the call"):
        pg.autograd.grad(y, [v], create_graph=True)


def test_a_rule_for_tangents_runs_at_the_call_and_gives_the_value() -> None:
    ran = []
    f = by_jvp(lambda z: z * 2.0, lambda p, t: (ran.append("rule") or p[0] * 3.0, 5.0 * t[0]))
    v = leaf_of(1.0)
    y = f(v)
    assert ran == ["rule"] and value_of(y) == 3.0  # as in JAX
    y.backward()
    assert ran == ["rule"] and value_of(v.grad) == 5.0


# ---------------------------------------------------------------- linear, or refused

AT = np.asarray(1.3)
SLOPE = 5 * np.cos(1.3)


def written(p: Any, t: Any) -> Any:
    z = pg.zeros((2,))
    z[0] = t * 5
    z[1] = t
    return z[0] * pg.cos(p)


#: 5 cos(p) t, in many words.
LINEAR: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda p, t: 5 * pg.cos(p) * t,
    "where of the primal": lambda p, t: pg.where(p > 0, 5 * pg.cos(p) * t, 0.0),
    "quotient": lambda p, t: t / (1 / (5 * pg.cos(p))),
    "sum of a stack": lambda p, t: pg.sum(pg.stack([t, 4 * t])) * pg.cos(p),
    "zeros beside": lambda p, t: pg.zeros_like(t) + 5 * pg.cos(p) * t,
    "matmul": lambda p, t: pg.matmul(pg.reshape(t, (1,)), pg.reshape(5 * pg.cos(p), (1,))),
    "numpy's": lambda p, t: np.multiply(t, 5 * np.cos(p)),
    "written": written,
    "solve": lambda p, t: pg.linalg.solve(
        pg.reshape(1 / (5 * pg.cos(p)), (1, 1)), pg.reshape(t, (1,))
    )[0],
    "jvp inside": lambda p, t: pg.jvp(lambda q: 5 * pg.sin(q), (p,), (t,))[1],
    "vjp inside": lambda p, t: pg.vjp(lambda q: 5 * pg.sin(q), p)[1](t)[0],
    "vmap inside": lambda p, t: pg.sum(pg.vmap(lambda k: k * t * pg.cos(p))(np.asarray([2.0, 3.0]))),
    "checkpoint inside": lambda p, t: pg.checkpoint(lambda a, b: 5 * pg.cos(a) * b)(p, t),
    "custom inside": lambda p, t: by_vjp(
        lambda b: 5 * b, lambda b: (5 * b, None), lambda r, g: (5 * g,)
    )(t) * pg.cos(p),
    "fft": lambda p, t: 5 * pg.cos(p) * pg.real(pg.fft.ifft(pg.fft.fft(pg.reshape(t, (1,)))))[0],
}  # fmt: skip

#: Functions of the tangent (or cotangent) that are not linear.
OTHER: dict[str, Callable[[Any], Any]] = {
    "square": lambda t: t * t,
    "abs": pg.abs,
    "sign": pg.sign,
    "floor": pg.floor,
    "round": pg.round,
    "comparison": lambda t: pg.where(t > 0, t, 0.0),
    "a Python if": lambda t: t if t > 0 else 2 * t,
    "a Python if on a float": lambda t: t if float(t) > 0 else 2 * t,
    "truth": lambda t: t if t else 2 * t,
    "maximum": lambda t: pg.maximum(t, 0.0),
    "clip": lambda t: pg.clip(t, -1.0, 1.0),
    "normalised": lambda t: t / (1 + pg.abs(t)),
    "plus one": lambda t: t + 1.0,
    "plus one in place": lambda t: (t * 1.0).__iadd__(1.0),
    "constant": pg.ones_like,
    "of its data": lambda t: pg.asarray(np.clip(t.data, -1, 1)),
    "item": lambda t: pg.asarray(np.asarray(t.item() * 2)),
    "detached": lambda t: t.detach() * 2,
    "integers": lambda t: pg.astype(pg.astype(t, np.int64), np.float64),
    "sorted": lambda t: pg.sort(pg.stack([t, 0 * t]))[0],
    "norm": lambda t: pg.linalg.vector_norm(pg.reshape(t, (1,))),
    "copysign": lambda t: pg.copysign(pg.ones_like(t), t),
    "remainder": lambda t: pg.remainder(t, 2.0),
    "custom operation": lambda t: by_vjp(
        pg.tanh, lambda b: (pg.tanh(b), None), lambda r, g: (g,)
    )(t),
    "checkpoint": lambda t: pg.checkpoint(pg.tanh)(t),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_a_rule_that_is_linear_serves_both_modes(name: str) -> None:
    times = LINEAR[name]
    jvp = by_jvp(lambda z: z * 2, lambda p, t: (p[0] * 2, times(p[0], t[0])))
    vjp = by_vjp(lambda z: z * 2, lambda z: (z * 2, z), lambda r, g: (times(r, g),))

    def forward(ctx: Any, z: Any) -> Any:
        ctx.save_for_backward(z)
        return z * 2

    function = by_function(forward, lambda ctx, g: times(ctx.saved_tensors[0], g))
    pair = np.stack([AT, AT])
    for f in (jvp, vjp, function):
        np.testing.assert_allclose(pg.grad(f)(AT), SLOPE)
        np.testing.assert_allclose(pg.jvp(f, (AT,), (ONE,))[1], SLOPE)
        np.testing.assert_allclose(pg.hessian(f)(AT), -5 * np.sin(AT))
        np.testing.assert_allclose(pg.vmap(pg.grad(f))(pair), [SLOPE] * 2)
        np.testing.assert_allclose(pg.grad(lambda z, f=f: pg.sum(pg.vmap(f)(z)))(pair), [SLOPE] * 2)
        np.testing.assert_allclose(
            pg.vmap(lambda z, f=f: pg.jvp(f, (z,), (z,))[1])(pair), SLOPE * pair
        )


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_a_rule_that_is_not_linear_is_not_transposed(name: str) -> None:
    change = OTHER[name]
    jvp = by_jvp(lambda z: z * 2, lambda p, t: (p[0] * 2, change(t[0])))
    vjp = by_vjp(lambda z: z * 2, lambda z: (z * 2, z), lambda r, g: (change(g),))
    function = by_function(lambda ctx, z: z * 2, lambda ctx, g: change(g))
    for transform in (pg.grad, pg.jacrev, pg.hessian):
        with pytest.raises(pg.NotLinearError, match="not linear"):
            transform(jvp)(AT)
    for f in (vjp, function):
        with pytest.raises(pg.NotLinearError, match="not linear"):
            pg.jvp(f, (AT,), (ONE,))
        with pytest.raises(pg.NotLinearError, match="not linear"):
            pg.jacfwd(f)(AT)
        # Backwards it is what the user said.
        v = leaf_of(1.3)
        f(v).backward()
        np.testing.assert_allclose(value_of(v.grad), value_of(change(Variable(ONE))))


def test_a_printed_tangent_is_no_question() -> None:
    seen = []
    f = by_jvp(lambda z: z * 2, lambda p, t: (p[0] * 2, seen.append(repr(t[0])) or t[0] * 2))
    assert pg.grad(f)(AT) == 2.0 and "Variable" in seen[0]


MATRIX = np.linalg.inv(np.asarray([[2.0, 1.0], [0.5, 3.0]]))


def outside_of_the_graph(kind: str) -> Callable[[Any], Any]:
    """A product with a matrix, computed by NumPy alone; the transpose is such a product, too."""
    raw = lambda b: b.detach().data if isinstance(b, Variable) else b
    if kind == "custom_vjp":
        there = by_vjp(lambda b: pg.asarray(MATRIX @ raw(b)), lambda b: (there(b), None),
                       lambda _, g: (back(g),))  # fmt: skip
        back = by_vjp(lambda b: pg.asarray(MATRIX.T @ raw(b)), lambda b: (back(b), None),
                      lambda _, g: (there(g),))  # fmt: skip
        return there
    if kind == "Function":
        there = by_function(lambda ctx, b: pg.asarray(MATRIX @ b.data), lambda ctx, g: back(g))
        back = by_function(lambda ctx, b: pg.asarray(MATRIX.T @ b.data), lambda ctx, g: there(g))
        return there
    if kind == "not linear":
        there = by_function(lambda ctx, b: pg.asarray(MATRIX @ b.data), lambda ctx, g: back(g))
        back = by_function(lambda ctx, b: pg.asarray(np.tanh(b.data)), lambda ctx, g: g)
        return there
    return by_function(lambda ctx, b: pg.asarray(MATRIX @ b.data),
                       lambda ctx, g: pg.asarray(MATRIX.T @ g.data))  # fmt: skip


@pytest.mark.parametrize("kind", ["custom_vjp", "Function", "not linear", "without a derivative"])
def test_rules_that_compute_outside_of_the_graph_are_right_or_refused(kind: str) -> None:
    f, x = outside_of_the_graph(kind), np.asarray([0.3, -0.7])
    loss = lambda b: pg.sum(f(b * b) ** 3)
    want = lambda b: pg.sum(pg.matmul(MATRIX, b * b) ** 3)
    second = pg.hessian(want)(x)

    def create_graph() -> Any:
        v = leaf_of(x)
        (g,) = pg.autograd.grad(loss(v), [v], create_graph=True)
        return pg.autograd.grad(pg.sum(g * x), [v])[0]

    forward = {"jvp": (lambda: pg.jvp(loss, (x,), (x,))[1], pg.grad(want)(x) @ x),
               "hvp": (lambda: pg.hvp(loss, (x,), (x,)), second @ x)}  # fmt: skip
    again = {
        "create_graph": (create_graph, second @ x),
        "grad(grad)": (lambda: pg.grad(lambda z: pg.sum(pg.grad(loss)(z) * x))(x), second @ x),
    }
    if kind != "not linear":
        np.testing.assert_allclose(pg.grad(loss)(x), pg.grad(want)(x))
    for run, value in (forward | again).values():
        if kind in ("custom_vjp", "Function"):
            np.testing.assert_allclose(value_of(run()), value)
    if kind == "not linear":
        for run, _ in forward.values():
            with pytest.raises(pg.NotLinearError, match="sum of two cotangents"):
                run()
    if kind == "without a derivative":
        for run, _ in forward.values():
            with pytest.raises(pg.NotLinearError, match="asks for its values"):
                run()
        for run, _ in again.values():
            with pytest.raises(pg.DifferentiationError, match="not connected"):
                run()


# ---------------------------------------------------------------- closures


def closing_over(kind: str, c: Any, a: Any) -> Any:
    """a * c, by an operation of `a` that closes over `c`, or has it as a setting."""
    if kind == "custom_jvp":
        return by_jvp(lambda a: a * c, lambda p, t: (p[0] * c, t[0] * c))(a)
    if kind == "custom_vjp":
        return by_vjp(lambda a: a * c, lambda a: (a * c, None), lambda r, g: (g * c,))(a)
    if kind == "custom_vjp, in a list":
        box = [c]
        return by_vjp(
            lambda a: a * box[0], lambda a: (a * box[0], None), lambda r, g: (g * box[0],)
        )(a)
    if kind == "custom_vjp, residual":
        return by_vjp(lambda a: a * c, lambda a: (a * c, c), lambda r, g: (g * r,))(a)
    if kind == "custom_vjp, nondiff_argnums":
        f = by_vjp(
            lambda c, a: a * c, lambda c, a: (a * c, None), lambda c, r, g: (g * c,),
            nondiff_argnums=(0,),
        )  # fmt: skip
        return f(c, a)
    if kind == "custom_jvp, nondiff_argnums":
        rule = lambda c, p, t: (p[0] * c, t[0] * c)
        return by_jvp(lambda c, a: a * c, rule, nondiff_argnums=(0,))(c, a)
    if kind == "Function":
        return by_function(lambda ctx, a: a * c, lambda ctx, g: g * c)(a)
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
        return by_vjp(lambda a: a * 2.0, lambda a: (a * 2.0, None), lambda r, g: (g * c,))(a)

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

    f = by_function(forward, lambda ctx, g: g * 6)
    f(x).backward()
    assert value_of(x.grad) == 6.0 and w.grad is None

    def careless(ctx: Any, x: Any) -> Any:
        with pg.no_grad():
            pg.sin(w)
        return x * w

    with pytest.raises(pg.CapturedVariableError, match="in multiply"):
        by_function(careless, lambda ctx, g: g)(x)


# ---------------------------------------------------------------- libraries


def returning(kind: str, make: Any) -> Callable[[Any], Any]:
    """An operation that returns an array of another library where `kind` says."""
    two = lambda z: z * 2.0
    where, what = kind.split(": ")
    pick = lambda place, value: make() if what == place else value
    if where == "custom_vjp":
        return by_vjp(two, lambda z: (pick("value", two(z)), None),
                      lambda r, g: (pick("gradient", g * 2),))  # fmt: skip
    if where == "custom_jvp":
        return by_jvp(two, lambda p, t: (pick("value", two(p[0])), pick("tangent", t[0] * 2)))
    return by_function(
        lambda ctx, z: pick("value", two(z)), lambda ctx, g: pick("gradient", g * 2),
        jvp=lambda ctx, t: pick("tangent", t * 2),
    )  # fmt: skip


def hooked(kind: str, make: Any, v: Any) -> None:
    y = v * 2.0
    if kind == "Variable":
        y.register_hook(lambda g: make())
    elif kind == "leaf":
        v.register_hook(lambda g: make())
    elif kind == "before a node":
        y.grad_fn.register_prehook(lambda gs: (make(),))
    elif kind == "node":
        y.grad_fn.register_hook(lambda sent, arrived: (make(),))
    else:
        with pg.autograd.saved_tensors_hooks(lambda q: q, lambda q: make()):
            y = pg.exp(v)
    pg.sum(y * y).backward()


@pytest.mark.parametrize("other", ALL)
@pytest.mark.parametrize("name", ALL)
def test_an_array_of_another_library_is_refused_wherever_it_is_returned(
    name: str, other: str
) -> None:
    lib, another = (array_library(n) for n in (name, other))
    x = lib.asarray([1.0, 2.0], dtype=lib.float64)
    make = lambda: another.asarray([2.0, 4.0], dtype=another.float64)
    runs: dict[str, Callable[[], Any]] = {}
    for kind in ("custom_vjp: value", "custom_vjp: gradient", "custom_jvp: value",
                 "custom_jvp: tangent", "Function: value", "Function: gradient"):  # fmt: skip
        f = returning(kind, make)
        runs[kind] = lambda f=f: pg.sum(f(Variable(x, requires_grad=True))).backward()
        if kind != "custom_jvp: tangent":  # a constant tangent is not linear
            runs[f"{kind}, grad"] = lambda f=f: pg.grad(lambda z: pg.sum(f(z)))(x)
    for kind in ("custom_jvp: tangent", "Function: tangent"):
        f = returning(kind, make)
        runs[f"{kind}, jvp"] = lambda f=f: pg.jvp(f, (x,), (x,))
    for kind in ("Variable", "leaf", "before a node", "node", "unpack"):
        runs[f"hook: {kind}"] = lambda kind=kind: hooked(
            kind, make, Variable(x, requires_grad=True)
        )
    for kind, run in runs.items():
        if name != other:
            with pytest.raises(pg.MixedBackendsError):
                run()
        elif kind == "custom_jvp: tangent":
            with pytest.raises(pg.NotLinearError):
                run()
        else:
            run()


def test_settings_of_any_kind_in_forward_mode() -> None:
    class Scaled(pg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, options: Any, pair: Any, items: Any, f: Any) -> Any:
            return f(x) * options["k"] * pair[0] * items[0]

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 6, None, None, None, None

        @staticmethod
        def jvp(ctx: Any, t: Any, *rest: Any) -> Any:
            assert rest == (None,) * 4
            return t * 6

    f = lambda x: Scaled.apply(x, {"k": 1.0}, (2.0,), [3.0], lambda z: z)
    for transform in (pg.jacfwd, pg.jacrev):
        np.testing.assert_array_equal(transform(f)(TWO), 6 * np.eye(2))


# ---------------------------------------------------------------- what a rule is handed


def straight_through(kind: str) -> Callable[[Any], Any]:
    """`round`, with the derivative 1, which its body does not have."""
    if kind == "custom_jvp":
        return by_jvp(pg.round, lambda p, t: (pg.round(p[0]), t[0]))
    if kind == "custom_vjp":
        return by_vjp(pg.round, lambda a: (pg.round(a), None), lambda r, g: (g,))
    return by_function(lambda ctx, a: pg.round(a), lambda ctx, g: g)


@pytest.mark.parametrize("kind", ["custom_jvp", "custom_vjp", "Function"])
@pytest.mark.parametrize(
    "around", [lambda f: f, pg.checkpoint, lambda f: pg.checkpoint(pg.checkpoint(f))]
)
def test_a_rule_holds_in_every_mode_and_inside_of_checkpoint(kind: str, around: Any) -> None:
    f, pair, ones = around(straight_through(kind)), np.stack([AT, AT]), np.ones(2)
    for slope in (
        pg.grad(f)(AT), pg.jacfwd(f)(AT), pg.jvp(f, (AT,), (ONE,))[1], pg.linearize(f, AT)[1](ONE),
        pg.vmap(pg.grad(f))(pair), pg.jvp(pg.vmap(f), (pair,), (ones,))[1],
        pg.vmap(lambda z: pg.jvp(f, (z,), (z * 0 + 1,))[1])(pair),
    ):  # fmt: skip
        np.testing.assert_array_equal(slope, np.ones(np.shape(slope)))


def test_linearize_and_checkpoint_refuse_what_is_not_linear() -> None:
    clipped = by_vjp(
        lambda a: a * 1.0, lambda a: (a * 1.0, None), lambda r, g: (pg.clip(g, -0.5, 0.5),)
    )
    for f in (lambda a: 3 * clipped(a), pg.checkpoint(lambda a: 3 * clipped(a))):
        assert pg.grad(f)(AT) == 0.5
        with pytest.raises(pg.NotLinearError):
            pg.jvp(f, (AT,), (ONE,))
        with pytest.raises(pg.NotLinearError):
            pg.linearize(f, AT)[1](ONE)


@pytest.mark.parametrize("kind", ["custom_jvp", "custom_vjp", "Function"])
def test_a_rule_may_write_what_it_is_handed(kind: str) -> None:
    def thrice(t: Any) -> Any:
        t += t
        t[...] = t * 1.5
        return t

    if kind == "custom_jvp":
        f = by_jvp(lambda a: a * 3.0, lambda p, t: (p[0] * 3.0, thrice(t[0])))
    elif kind == "custom_vjp":
        f = by_vjp(lambda a: a * 3.0, lambda a: (a * 3.0, None), lambda r, g: (thrice(g),))
    else:
        f = by_function(lambda ctx, a: a * 3.0, lambda ctx, g: thrice(g))
    pair = np.stack([AT, AT])
    for slope in (pg.grad(f)(AT), pg.jvp(f, (AT,), (ONE,))[1], pg.linearize(f, AT)[1](ONE),
                  *pg.vmap(pg.grad(f))(pair)):  # fmt: skip
        assert slope == 3.0
    v = leaf_of(1.3)
    y = f(v) * v + f(v)
    (g,) = pg.autograd.grad(y, [v], create_graph=True)
    np.testing.assert_allclose(value_of(g), 6 * 1.3 + 3)
    np.testing.assert_allclose(value_of(pg.autograd.grad(g, [v])[0]), 6.0)


def test_values_on_the_context_are_differentiated_as_saved_ones() -> None:
    class Square(pg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.a = a
            return a * a

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.a * g

    class Exp(pg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.y = pg.exp(a)
            return ctx.y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return ctx.y * g

    three = np.asarray(3.0)
    cube = lambda a: Square.apply(a) * a
    assert pg.grad(pg.grad(cube))(three) == pg.hessian(cube)(three) == 18.0
    v = leaf_of(3.0)
    (g,) = pg.autograd.grad(cube(v), [v], create_graph=True)
    assert value_of(pg.autograd.grad(g, [v])[0]) == 18.0
    np.testing.assert_array_equal(pg.grad(lambda z: pg.sum(pg.vmap(Square.apply)(z)))(S), 2 * S)
    np.testing.assert_allclose(pg.grad(pg.grad(Exp.apply))(AT), np.exp(AT))


def test_no_element_of_what_a_checkpoint_gave_is_left_out_of_the_comparison() -> None:
    place = [0]

    def body(z: Any) -> Any:
        factors = np.ones(1000)
        factors[place[0]] = 3.0
        return factors * z

    def net(z: Any) -> Any:
        total = 0.0
        for place[0] in (101, 307):
            total = total + pg.sum(pg.checkpoint(body)(z))
        return total

    with pytest.raises(pg.DifferentiationError, match="other numbers"):
        pg.grad(net)(np.linspace(1, 2, 1000))


def test_mapped_values_in_defaults_are_refused_for_what_they_are() -> None:
    def one(a: Any, s: Any) -> Any:
        f = by_vjp(lambda a: a * 1.0, lambda a: (a * 1.0, None), lambda r, g, s=s: (g * s,))
        return f(a)

    with pytest.raises(pg.CapturedVariableError, match="mapped over"):
        pg.grad(lambda a: pg.sum(pg.vmap(lambda s: one(a, s))(S)))(A)


def test_a_complex_gradient_from_a_hook_of_a_real_value_is_refused() -> None:
    v = leaf_of([1.0, 2.0])
    y = v * 2
    y.register_hook(lambda g: g * 1j)
    with pytest.raises(TypeError, match="complex gradient"):
        pg.sum(y).backward()
