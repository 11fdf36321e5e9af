"""The coverage table: function × (VJP, JVP, second order, complex) × backend, measured now.

    python tests/coverage_table.py [--backends numpy,torch,jax,strict,dask] [--only PREFIX] [--markdown]

Nothing is written down by hand. Every differentiable row of the rule book is called on a sample (from
`samples.py`, the tables of the linalg and special tests, or a default for elementwise functions), and
each mark is a comparison that came out: V gradient, J forward mode, 2 second order, each against
central differences computed by the same backend in float64, and C the gradient in complex128.
`-` means that there is no such thing (no complex version, or no function in that library), `!` that a
comparison failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

import numpy as np

import pluggrad as pg
from pluggrad.arrays.backend import PRIMITIVES, get_backend
from pluggrad.engine.primitive import Primitive
from tests.support.arrays import to_numpy
from tests.support.derivatives import inner
from tests.support.samples import DOMAINS, REAL_ONLY, SAMPLES, A, Call

STEP = 1e-5
SQUARE, TALL = A((3, 3)), A((4, 2))

#: Samples of the extensions; a decomposition is judged by what does not depend on its gauge.
EXTENSIONS: dict[str, Call] = {
    "linalg.cross": Call((A((3,)), A((3,)))),
    "linalg.matrix_power": Call((SQUARE, 3)),
    "linalg.outer": Call((A((3,)), A((2,)))),
    "linalg.solve": Call((SQUARE, A((3, 2)))),
    "linalg.pinv": Call((TALL,)),
    "linalg.qr": Call((TALL,)),
    "linalg.svd": Call((TALL,), {"full_matrices": False}),
    "linalg.svdvals": Call((TALL,)),
    "linalg.vector_norm": Call((A((3,)),)),
    "linalg.matrix_norm": Call((TALL,)),
    "special.softmax": Call((A((2, 3)),), {"axis": 1}),
    "special.log_softmax": Call((A((2, 3)),), {"axis": 1}),
}
FROM_REAL = {"fft.rfft", "fft.rfftn", "fft.ihfft"}
HERMITIAN = {"linalg.cholesky", "linalg.eigh", "linalg.eigvalsh"}


def sample(primitive: Primitive) -> tuple[Call, set[int] | None]:
    """A call, and the places to differentiate by (None: every array)."""
    name = primitive.name
    if name in SAMPLES:
        return SAMPLES[name][0], None
    if name in EXTENSIONS:
        return EXTENSIONS[name], None
    if name.startswith("special."):
        return special_sample(name)
    if name.startswith("linalg."):
        return Call((SQUARE,)), None
    if name.startswith("fft."):
        return Call((A((3, 4)),)), None
    low, high = DOMAINS.get(name, (-2.0, 2.0))
    return Call(tuple(A((2, 3), low, high) for _ in primitive.formulas)), None


def special_sample(name: str) -> tuple[Call, set[int] | None]:
    from pluggrad_conformance.exact import ROWS

    for row in ROWS:
        if name == f"special.{row.name}":
            point = min(
                row.points, key=lambda p: sum(abs(np.log(abs(float(x)) / 0.6 + 0.01)) for x in p)
            )
            return Call(tuple(
                int(x) if i not in row.by and x == int(x) else np.asarray([float(x)])
                for i, x in enumerate(point)
            )), set(row.by)  # fmt: skip
    return Call((np.asarray([0.4]),)), None


class Case:
    """One function on one backend: a real loss of its arguments, and its derivatives."""

    def __init__(self, primitive: Primitive, backend: str, dtype: str) -> None:
        self.name, self.backend, self.dtype = primitive.name, backend, dtype
        self.xp, self.namespace = get_backend(backend).xp, pg.namespace(backend)
        call, places = sample(primitive)
        rng = np.random.default_rng(len(self.name))
        self.kwargs = call.kwargs
        self.args: list[Any] = []
        self.places: list[tuple[int, int | None]] = []
        for i, x in enumerate(call.args):
            if isinstance(x, list):
                self.args.append([a.make(rng, dtype) for a in x])
                self.places += [(i, j) for j in range(len(x))]
            elif isinstance(x, A) or (isinstance(x, np.ndarray) and x.dtype == np.float64):
                value = x.make(rng, dtype) if isinstance(x, A) else x.astype(dtype)
                if self.name.startswith("linalg.") and value.ndim == 2:
                    value = value + 3 * np.eye(*value.shape)
                self.args.append(value)
                if places is None or i in places:
                    self.places.append((i, None))
            else:
                self.args.append(self.xp.complex128 if isinstance(x, str) else x)
        self.tangents = [np.asarray(A(np.shape(self.get(p))).make(rng, dtype)) for p in self.places]
        self.weights: dict[int, Any] = {}

    def get(self, place: tuple[int, int | None]) -> Any:
        return self.args[place[0]] if place[1] is None else self.args[place[0]][place[1]]

    def raw(self, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return x if self.backend == "numpy" else self.xp.asarray(x)
        return [self.raw(item) for item in x] if isinstance(x, list) else x

    def loss(self, *xs: Any) -> Any:
        """A weighted sum of the results, real, and the same whatever the gauge."""
        xp = self.namespace
        args = [list(x) if isinstance(x, list) else x for x in map(self.raw, self.args)]
        for (i, j), x in zip(self.places, xs, strict=True):
            if self.name in HERMITIAN:
                x = x @ xp.conj(x.mT) + xp.asarray(self.raw(np.eye(3))) if (
                    self.name == "linalg.cholesky") else x + xp.conj(x.mT)  # fmt: skip
            if j is None:
                args[i] = x
            else:
                args[i][j] = x
        function: Any = xp
        for part in self.name.split("."):
            function = getattr(function, part)
        y = function(*args, **self.kwargs)
        total: Any = None
        for number, item in enumerate(y if isinstance(y, tuple) else (y,)):
            if isinstance(y, tuple) and "complex" in str(item.dtype):
                item = xp.abs(item) ** 2
            if number not in self.weights:
                rng = np.random.default_rng(number)
                self.weights[number] = self.raw(rng.uniform(0.5, 1.5, tuple(item.shape)))
            w = self.weights[number]
            if "complex" in str(item.dtype):
                term = xp.sum(xp.real(item) * w) + xp.sum(xp.imag(item) * w)
            else:
                term = xp.sum(item * w)
            total = term if total is None else total + term
        return total

    def primals(self) -> list[Any]:
        return [self.raw(self.get(p)) for p in self.places]

    def at(self, h: float) -> list[Any]:
        return [self.raw(np.asarray(self.get(p) + h * t))
                for p, t in zip(self.places, self.tangents, strict=True)]  # fmt: skip

    def gradient(self, xs: list[Any]) -> list[np.ndarray]:
        gradients = pg.grad(self.loss, argnums=tuple(range(len(xs))))(*xs)
        return [to_numpy(g) for g in gradients]

    def vjp(self) -> bool:
        slope = (number(self.loss(*self.at(STEP))) - number(self.loss(*self.at(-STEP)))) / (
            2 * STEP
        )
        found = sum(
            inner(g, t) for g, t in zip(self.gradient(self.primals()), self.tangents, strict=True)
        )
        return near(found, slope)

    def jvp(self) -> bool:
        found = sum(
            inner(g, t) for g, t in zip(self.gradient(self.primals()), self.tangents, strict=True)
        )
        _, pushed = pg.jvp(self.loss, self.primals(), [self.raw(t) for t in self.tangents])
        return near(number(pushed), found)

    def second(self) -> bool:
        ahead, behind = self.gradient(self.at(STEP)), self.gradient(self.at(-STEP))
        slopes = [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]

        def along(*xs: Any) -> Any:
            gradients = pg.grad(self.loss, argnums=tuple(range(len(xs))))(*xs)
            return sum(
                self.namespace.sum(g * self.raw(t))
                for g, t in zip(gradients, self.tangents, strict=True)
            )

        found = pg.grad(along, argnums=tuple(range(len(slopes))))(*self.primals())
        return all(
            np.allclose(to_numpy(a), b, rtol=1e-4, atol=1e-4)
            for a, b in zip(found, slopes, strict=True)
        )


def near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-5 * (1 + abs(b))


def number(x: Any) -> float:
    return float(to_numpy(x))


def mark(check: Any, letter: str) -> str:
    try:
        return letter if check() else "!"
    except (pg.UnsupportedError, AttributeError, NotImplementedError, TypeError, RuntimeError):
        return "-"


def measure(primitive: Primitive, backend: str) -> str:
    """The four marks of one cell; ``none`` where the library lacks the function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            case = Case(primitive, backend, "float64")
            case.loss(*case.primals())
        except (
            pg.UnsupportedError,
            AttributeError,
            NotImplementedError,
            TypeError,
            RuntimeError,
            ValueError,
        ):
            return "none"
        marks = mark(case.vjp, "V") + mark(case.jvp, "J") + mark(case.second, "2")
        if primitive.name in REAL_ONLY | FROM_REAL:
            return marks + "-"
        return marks + mark(lambda: Case(primitive, backend, "complex128").vjp(), "C")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backends", default="", help="comma-separated; all that are installed")
    parser.add_argument("--only", default="", help="functions whose name begins so, as in linalg.")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    installed = [name for name, facts in pg.backends().items() if facts["installed"]]
    backends = options.backends.split(",") if options.backends else installed
    rows = [
        primitive for name, primitive in sorted(PRIMITIVES.items())
        if primitive.kind != "constant" and not primitive.private and name.startswith(options.only)
    ]  # fmt: skip
    edge = "|" if options.markdown else ""
    print(
        f"{edge}{'function':<24}" + "".join(f"{edge or ' '}{name:<8}" for name in backends) + edge
    )
    if options.markdown:
        print("|---" * (len(backends) + 1) + "|")
    wrong = 0
    for primitive in rows:
        cells = [measure(primitive, backend) for backend in backends]
        wrong += sum("!" in cell for cell in cells)
        print(f"{edge}{primitive.name:<24}" + "".join(f"{edge or ' '}{cell:<8}" for cell in cells) + edge,
              flush=True)  # fmt: skip
    print(f"\n{len(rows)} functions, {wrong} cells with a failed comparison")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
