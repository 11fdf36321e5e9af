"""Functions travel to other processes: pickle takes functions of pluggrad by name, and cloudpickle
takes what transforms return."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
import pluggrad.numpy as pnp
from pluggrad.plugin import get_backend
from tests.support.optional import needs

cloudpickle = needs("cloudpickle")

X = np.asarray([1.0, 2.0])

BY_NAME = [
    pg.sin, pg.sum, pg.zeros, pg.median, pg.linalg, pg.linalg.inv, pg.linalg.norm, pg.fft.fft,
    pg.special.erf, pg.grad, pg.no_grad, pg.Variable, pg.namespace("numpy"),
    pg.namespace("numpy").sin, pg.namespace("numpy").zeros, pg.namespace("numpy").median,
    pg.namespace("numpy").linalg, pg.namespace("numpy").linalg.inv, pg.namespace("numpy").fft.fft,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BY_NAME)))
def test_functions_and_namespaces_are_pickled_by_name(number: int) -> None:
    found = BY_NAME[number]
    for pickled in (pickle.dumps(found), cloudpickle.dumps(found)):
        assert pickle.loads(pickled) is found
        assert len(pickled) < 200


@pg.custom_vjp
def square(x: Any) -> Any:
    return x * x


square.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g,))


@pg.custom_jvp
def cube(x: Any) -> Any:
    return x * x * x


@cube.defjvp
def cube_rule(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return cube(x), 3 * square(x) * t


def total(x: Any) -> Any:
    return pg.sum(pg.sin(x) * cube(x) + square(x))


TRANSFORMED: dict[str, Any] = {
    "grad": pg.grad(total),
    "grad of grad": pg.grad(lambda x: pg.sum(pg.grad(total)(x) * x)),
    "grad of a checkpoint": pg.grad(pg.checkpoint(total)),
    "value_and_grad": pg.value_and_grad(total, argnums=(0,)),
    "jacrev": pg.jacrev(lambda x: pg.exp(x) * cube(x)),
    "jacfwd": pg.jacfwd(lambda x: pg.exp(x) * cube(x)),
    "hessian": pg.hessian(total),
    "hvp": lambda x: pg.hvp(total, (x,), (x,)),
    "jvp": lambda x: pg.jvp(total, (x,), (x,)),
    "vjp": lambda x: pg.vjp(total, x)[1](np.asarray(1.0)),
    "linearize": lambda x: pg.linearize(total, x)[1](x),
    "vmap": pg.vmap(pg.sin),
    "vmap of grad": pg.vmap(pg.grad(lambda x: pg.sin(x) * x)),
    "custom_vjp": square,
    "custom_jvp": cube,
    "of a namespace": pg.grad(lambda x: pg.namespace("numpy").linalg.vector_norm(x)),
    "no_grad": pg.no_grad()(square),
    "enable_grad": pg.enable_grad()(square),
    "use": pg.use("numpy")(square),
    "strong_zeros": pg.grad(pg.strong_zeros()(total)),
}


def out(y: Any) -> Any:
    return [np.asarray(x) for x in y] if isinstance(y, tuple) else [np.asarray(y)]


def test_transforms_travel_to_other_processes() -> None:
    code = """
import sys, pickle
functions, x, out = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps({name: out(f(x)) for name, f in functions.items()}))
"""
    expected = {name: out(f(X)) for name, f in TRANSFORMED.items()}  # and what is cached is cached
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)  # the other process cannot import it
    try:
        sent = cloudpickle.dumps((TRANSFORMED, X, out))
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    run = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    found = pickle.loads(run.stdout)
    assert list(found) == list(TRANSFORMED)
    for name, values in expected.items():
        for mine, theirs in zip(values, found[name], strict=True):
            np.testing.assert_array_equal(theirs, mine, err_msg=name)


def test_the_state_is_restored_after_a_pickled_function_raises() -> None:
    @pg.grad
    def f(x: Any) -> Any:
        raise ZeroDivisionError

    g = cloudpickle.loads(cloudpickle.dumps(f))
    with pytest.raises(ZeroDivisionError):
        g(X)
    assert pg.is_grad_enabled()
    v = pg.Variable(X, requires_grad=True)
    pg.sum(v * v).backward()
    np.testing.assert_array_equal(v.grad.data, 2 * X)


@pytest.mark.parametrize("name", ["numpy", "array_api_strict", "torch", "jax", "dask"])
def test_classes_of_variables_and_their_leaves_are_pickled_by_name(name: str) -> None:
    needs(name)
    backend = get_backend(name)
    for kind in backend.classes:
        for module in (pickle, cloudpickle):
            assert pickle.loads(module.dumps(kind)) is kind
            assert len(module.dumps(kind)) < 100
        assert kind.__name__ == "Variable" and issubclass(kind, pg.Variable)


def test_functions_that_refer_to_the_module_of_numpys_names() -> None:
    for module in (pickle, cloudpickle):
        assert pickle.loads(module.dumps(pnp)) is pnp
    f = cloudpickle.loads(cloudpickle.dumps(pg.grad(lambda w: pnp.sum(pnp.sin(w)))))
    np.testing.assert_array_equal(f(X), np.cos(X))


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_functions_of_frameworks_are_pickled(name: str) -> None:
    needs(name)
    called = getattr(pg.interop, name).call(lambda x: x * x)
    f = cloudpickle.loads(cloudpickle.dumps(pg.grad(lambda x: pg.sum(called(x)))))
    np.testing.assert_allclose(f(X), 2 * X)


@pytest.mark.parametrize("name", pg.transforms.__all__)
def test_every_transform_and_what_it_returns(name: str) -> None:
    transform = getattr(pg.transforms, name)
    assert pickle.loads(cloudpickle.dumps(transform)) is transform
    if name in ("grad", "value_and_grad", "jacrev", "jacfwd", "hessian", "vmap", "checkpoint"):
        f = cloudpickle.loads(cloudpickle.dumps(transform(total)))
        np.testing.assert_array_equal(out(f(X))[0], out(transform(total)(X))[0])


@pytest.mark.parametrize("transform", [pg.vjp, pg.linearize])
def test_what_holds_a_graph_says_that_it_is_not_pickled(transform: Any) -> None:
    with pytest.raises(pg.DifferentiationError, match="cannot"):
        cloudpickle.dumps(transform(total, X)[1])
