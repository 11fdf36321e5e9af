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
from tests.support.operations import made_by_function, made_by_jvp, made_by_vjp
from tests.support.optional import array_library

AT = np.asarray(1.3)
S, A = np.asarray([1.0, 2.0, 3.0]), np.asarray(2.0)


ONE, TWO = np.asarray(1.0), np.asarray([1.0, 2.0])


# ---------------------------------------------------------------- what is seen at the call


def loop(kind: str) -> Callable[[Any], Any]:
    """3 (2 x²)², of two operations that close over the variable of a loop."""

    def net(x: Any) -> Any:
        for w in (2.0, 3.0):
            # ruff: noqa: B023  (that is the point)
            if kind == "custom_jvp":
                f = made_by_jvp(
                    lambda z: w * z**2, lambda p, t: (w * p[0] ** 2, 2 * w * p[0] * t[0])
                )
            elif kind == "custom_vjp":
                f = made_by_vjp(
                    lambda z: w * z**2, lambda z: (w * z**2, z), lambda r, g: (2 * w * r * g,)
                )
            elif kind == "custom_vjp, residual":
                f = made_by_vjp(
                    lambda z: w * z**2, lambda z: (w * z**2, (z, w)),
                    lambda r, g: (2 * r[1] * r[0] * g,),
                )  # fmt: skip
            elif kind == "Function":

                def forward(ctx: Any, z: Any) -> Any:
                    ctx.save_for_backward(z)
                    return w * z**2

                f = made_by_function(forward, lambda ctx, g: 2 * w * ctx.saved_tensors[0] * g)
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
        "custom_vjp": lambda: made_by_vjp(
            lambda z: scale * z, lambda z: (scale * z, None), lambda r, g: (6 * scale * g,)
        ),
        "Function": lambda: made_by_function(
            lambda ctx, z: z * scale, lambda ctx, g: 6 * scale * g
        ),
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
        f = made_by_vjp(
            lambda z: settings["w"] * z**2, lambda z: (settings["w"] * z**2, settings["w"] * z),
            lambda r, g: (2 * r * g,),
        )  # fmt: skip
    else:
        f = made_by_jvp(
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
    f = made_by_jvp(lambda z: z * 2.0, lambda p, t: (ran.append("rule") or p[0] * 3.0, 5.0 * t[0]))
    v = leaf_of(1.0)
    y = f(v)
    assert ran == ["rule"] and value_of(y) == 3.0  # as in JAX
    y.backward()
    assert ran == ["rule"] and value_of(v.grad) == 5.0


# ---------------------------------------------------------------- libraries


def returning(kind: str, make: Any) -> Callable[[Any], Any]:
    """An operation that returns an array of another library where `kind` says."""
    two = lambda z: z * 2.0
    where, what = kind.split(": ")
    pick = lambda place, value: make() if what == place else value
    if where == "custom_vjp":
        return made_by_vjp(two, lambda z: (pick("value", two(z)), None),
                      lambda r, g: (pick("gradient", g * 2),))  # fmt: skip
    if where == "custom_jvp":
        return made_by_jvp(two, lambda p, t: (pick("value", two(p[0])), pick("tangent", t[0] * 2)))
    return made_by_function(
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
        if name != other and (name, other) != ("jax", "numpy"):  # JAX takes NumPy's arrays
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
        return made_by_jvp(pg.round, lambda p, t: (pg.round(p[0]), t[0]))
    if kind == "custom_vjp":
        # (`pg.round` itself has a second argument, and so would `fwd`.)
        return made_by_vjp(lambda a: pg.round(a), lambda a: (pg.round(a), None), lambda r, g: (g,))
    return made_by_function(lambda ctx, a: pg.round(a), lambda ctx, g: g)


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
    clipped = made_by_vjp(
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
        f = made_by_jvp(lambda a: a * 3.0, lambda p, t: (p[0] * 3.0, thrice(t[0])))
    elif kind == "custom_vjp":
        f = made_by_vjp(lambda a: a * 3.0, lambda a: (a * 3.0, None), lambda r, g: (thrice(g),))
    else:
        f = made_by_function(lambda ctx, a: a * 3.0, lambda ctx, g: thrice(g))
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
        f = made_by_vjp(lambda a: a * 1.0, lambda a: (a * 1.0, None), lambda r, g, s=s: (g * s,))
        return f(a)

    with pytest.raises(pg.CapturedVariableError, match="mapped over"):
        pg.grad(lambda a: pg.sum(pg.vmap(lambda s: one(a, s))(S)))(A)


def test_a_complex_gradient_from_a_hook_of_a_real_value_is_refused() -> None:
    v = leaf_of([1.0, 2.0])
    y = v * 2
    y.register_hook(lambda g: g * 1j)
    with pytest.raises(TypeError, match="complex gradient"):
        pg.sum(y).backward()
