"""Every odd call is refused by an error of ours that names a way out which exists."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from tests.support.arrays import convert
from tests.support.backends import ALL
from tests.support.optional import installed, is_older
from tests.variables.odd_calls import SECTIONS


def twice(x: Any) -> None:
    """Walk one graph twice."""
    y = pg.sum(x * x)
    y.backward()
    y.backward()


def hooked(x: Any, hook: Any) -> None:
    """Walk a graph with a hook."""
    y = x * 2
    y.register_hook(hook)
    pg.sum(y).backward()


def custom(x: Any, backward: Any) -> None:
    """Walk through a Function with that backward."""

    class Double(pg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            return a * 2

    Double.backward = staticmethod(lambda ctx, g: backward(g))
    pg.sum(Double.apply(x)).backward()


def rule(forward: Any, backward: Any) -> Any:
    """A function with a rule of its own."""
    f = pg.custom_vjp(lambda a: a * 1)
    f.defvjp(forward, backward)
    return f


def leaked(r: Any) -> Any:
    """Use a Variable of a transform after the transform."""
    kept = []
    pg.grad(lambda a: (kept.append(a), pg.sum(a))[1])(r)
    return kept[0] * 2


def scope(backend: str) -> dict[str, Any]:
    """The names that the lines use."""

    def of(a: Any) -> Any:
        return pg.Variable(convert(np.asarray(a), backend))

    def leaf(a: Any) -> Any:
        return of(a if np.iscomplexobj(a) else np.asarray(a, float)).requires_grad_()

    x = leaf(np.arange(1.0, 7.0).reshape(2, 3))
    k = np.arange(6).reshape(2, 3)
    libraries = installed("strict", "torch")
    foreign = [name for name in libraries if name != backend]
    other = convert(np.ones((2, 3)), foreign[0]) if foreign else None
    return {
        "pg": pg, "np": np, "x": x, "r": x.data, "k": of(k), "b": of(k > 2), "other": other,
        "s": leaf([[2.0, 1.0], [1.0, 3.0]]), "z": leaf(np.zeros((2, 2))),
        "u": leaf([1.0, 2.0, 3.0]), "p": leaf(1.5), "e": leaf([]), "c": leaf([1j, 2.0]),
        "t": leaf(np.ones((2, 2, 3))), "twice": twice, "hooked": hooked, "custom": custom,
        "rule": rule, "leaked": leaked,
    }  # fmt: skip


def attribute(owner: Any, path: str) -> Any:
    """What a dotted path leads to; None if it leads nowhere."""
    for part in path.strip(".").split("."):
        owner = getattr(owner, part, None)
    return owner


def exists(code: str) -> bool:
    """Whether a name that an error shows is there."""
    if found := re.match(r"(?:with )?(pluggrad|numpy|pickle)\b([\w.]*)", code):
        return not found[2] or attribute(__import__(found[1]), found[2]) is not None
    if found := re.match(r"v?\.(\w+)", code):
        return hasattr(pg.Variable, found[1])
    return True


CALLS = [
    pytest.param(backend, section, id=f"{section}-{backend}")
    for section in SECTIONS
    for backend in installed(*ALL, "dask")
    if section != "numpy" or backend == "numpy"
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("backend", "section"), CALLS)
def test_odd_calls(backend: str, section: str) -> None:
    for text in SECTIONS[section]:
        line, _, backends = text.partition("  # ")
        names = scope(backend)
        if (backends and backend not in backends.split()) or (
            names["other"] is None and "other" in line
        ) or (line == "pg.ones(None)" and is_older("numpy", "2.4")):  # fmt: skip
            continue
        with pytest.raises(pg.PluggradError) as caught:
            print(line, "gave", eval(line, names))
        message = str(caught.value)
        assert len(message) > 10, line
        for code in re.findall(r"`([^`]+)`", message):
            assert exists(code), f"{line}: {code}"


def test_there_are_many():
    assert sum(map(len, SECTIONS.values())) > 700


@pytest.mark.parametrize("backend", installed("numpy", "strict", "torch"))
def test_linear_algebra_raises_the_error_of_the_libraries(backend: str) -> None:
    a = pg.Variable(convert(np.zeros((2, 2)), backend), requires_grad=True)
    kinds = [np.linalg.LinAlgError, pg.PluggradError]
    for call in (
        pg.linalg.inv,
        lambda a: pg.linalg.solve(a, a),
        lambda a: pg.linalg.cholesky(a - 1),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="linalg") as caught:
            call(a)
        assert all(isinstance(caught.value, kind) for kind in kinds)
    if backend == "torch":
        with pytest.raises(get_backend("torch").xp.linalg.LinAlgError):
            pg.linalg.inv(a)


def test_an_error_inside_names_the_function_that_was_called():
    x = pg.Variable(np.ones((2, 3)), requires_grad=True)
    for name, call in {
        "einsum": lambda: pg.einsum("ij,jk", x, x),
        "median": lambda: pg.median(x[:0, 0]),
        "linalg.matrix_norm": lambda: pg.linalg.matrix_norm(x[0]),
    }.items():
        with pytest.raises(pg.PluggradError, match=f"^{name}: "):
            call()


def test_misspelt_names():
    with pytest.raises(AttributeError, match=r"mean `pluggrad\.linalg`"):
        pg.lingal
    with pytest.raises(pg.PluggradError, match=r"mean `pluggrad\.linalg\.inv`"):
        pg.linalg.invv
    assert not hasattr(pg, "nothing_like_it") and repr(pg.linalg) == "<pluggrad.linalg>"
    assert hasattr(pg.Variable, "sum") and not hasattr(pg.Variable, "strides")
