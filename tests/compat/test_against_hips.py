"""Every function that HIPS autograd differentiates, against HIPS autograd itself: values,
gradients and second derivatives, with their shapes, dtypes and kinds."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np
import pytest

import pluggrad.compat.autograd as ours
from tests.compat import hips_names
from tests.support.optional import is_installed, needs

theirs = needs("autograd")

#: Where HIPS autograd is wrong, or fails, and what it does: only values are compared there.
WRONG: dict[str, str] = {
    "numpy.einsum('ii->i', (3, 3), {})": "raises: its rule has an index twice in the output",
    "numpy.outer((2, 2), (2,), {})": "takes the arguments for vectors",
    "numpy.fft.rfft((6,), {'n': 4})": "does not pad the gradient with zeros",
}
#: Where order 2 is not compared.
FIRST_ORDER_ONLY: dict[str, str] = {
    "scipy.stats.multivariate_normal.logpdf": "a covariance is symmetric; off that, each goes on in its own way",
    "scipy.stats.multivariate_normal.pdf": "a covariance is symmetric; off that, each goes on in its own way",
}


def pattern(x: Any) -> Any:
    """A cotangent for the value `x`, or for each array in it."""
    if isinstance(x, (list, tuple)):
        items = [pattern(item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    places = np.arange(np.size(x)).reshape(np.shape(x))
    g = np.cos(places + 0.5)
    return (g + 1j * np.sin(places) if np.iscomplexobj(x) else g).astype(np.asarray(x).dtype)


def assert_same(mine: Any, real: Any, what: str, rtol: float) -> None:
    """Equal values, shapes and dtypes; arrays where HIPS has arrays, scalars where it has these."""
    if isinstance(real, (list, tuple)):
        assert len(mine) == len(real), what
        for a, b in zip(mine, real, strict=True):
            assert_same(a, b, what, rtol)
        return
    assert np.shape(mine) == np.shape(real), what
    single = np.asarray(mine).dtype in (np.float32, np.complex64)
    # Here the gradient has the dtype of the argument; HIPS autograd's may have double precision.
    assert single or np.asarray(mine).dtype == np.asarray(real).dtype, what
    if np.shape(real) or not isinstance(real, np.ndarray):
        assert isinstance(mine, np.ndarray) is isinstance(real, np.ndarray), what
    np.testing.assert_allclose(
        mine, real, 1e-4 if single else rtol, 1e-5 if single else rtol, err_msg=what
    )


def second(package: Any, anp: Any, f: Any, argnum: int, args: Any, g: Any) -> Any:
    """The gradient of the product of a gradient with a pattern."""

    def product(*args: Any) -> Any:
        c = package.make_vjp(f, argnum)(*args)[0](g)
        return anp.sum(anp.real(c * pattern(np.zeros(np.shape(c)))))

    return package.grad(product, argnum)(*args)


@pytest.mark.parametrize("module", [m for m in hips_names.MODULES
                                    if m.startswith("numpy") or is_installed("scipy")])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_everything_is_equal(module):
    real_module = importlib.import_module(f"autograd.{module}")
    own_module = importlib.import_module(f"pluggrad.compat.autograd.{module}")
    anp = importlib.import_module("autograd.numpy")
    onp = importlib.import_module("pluggrad.compat.autograd.numpy")
    seen = set()
    for name in hips_names.names(module):
        real, own = getattr(real_module, name), getattr(own_module, name)
        full = f"{module}.{name}"
        for args, kwargs in hips_names.cases(module, name):
            shapes = [np.shape(x) if isinstance(x, np.ndarray) else repr(x) for x in args]
            single = any([x.dtype == np.float32 for x in args if isinstance(x, np.ndarray)])
            exact, close, second_close = (1e-6, 1e-5, 1e-4) if single else (1e-12, 1e-8, 1e-6)
            what = f"{full}({', '.join(map(str, shapes))}, {kwargs})"
            assert_same(own(*args, **kwargs), real.fun(*args, **kwargs), f"value of {what}", 1e-12)
            if what in WRONG:
                seen.add(what)
                continue
            for argnum in hips_names.differentiable(module, name, args):
                f_real, f_own = partial(real, **kwargs), partial(own, **kwargs)
                vjp_real, y_real = theirs.make_vjp(f_real, argnum)(*args)
                vjp_own, y_own = ours.make_vjp(f_own, argnum)(*args)
                assert_same(y_own, y_real, f"value of {what}", exact)
                g = pattern(y_real)
                assert_same(vjp_own(g), vjp_real(g), f"gradient of {what} by {argnum}", close)
                if full in FIRST_ORDER_ONLY:
                    continue
                second_real = second(theirs, anp, f_real, argnum, args, g)
                second_own = second(ours, onp, f_own, argnum, args, g)
                assert_same(second_own, second_real, f"order 2 of {what} by {argnum}", second_close)

    assert seen == {what for what in WRONG if what.rpartition("(")[0].startswith(f"{module}.")
                    and "." not in what.partition("(")[0].removeprefix(f"{module}.")}  # fmt: skip
