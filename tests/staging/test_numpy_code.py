"""Functions written with NumPy alone, compiled: the same as eager execution to the last bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.compile_judge import Row, Verdict, verdict_on

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(2, 4, 3))

#: What is done to `a`, an array that the function has made of its argument `x`.
WRITES = [
    "a+=np.float64(2)",
    "a+=x[0]",
    "a//=2",
    "a%=0.7",
    "a**=2",
    "a**=3.0",
    "a/=x",
    "a-=a.mean()",
    "a+=a[::-1]",
    "a[1:]+=a[:-1]",
    "a[[0,0]]+=1",
    "np.add(a,x,out=a)",
    "a.sort()",
    "a.fill(3)",
    "np.copyto(a,x*2)",
    "np.put(a,[0],5.)",
    "a[a.shape[0]-1]=x.sum()",
    "a[x>0]=0",
    "a.T[0]=1",
    "b=a.reshape(-1); b[0]=9",
    "b=a.ravel(); b+=1",
    "b=a.view(); b*=2",
    "b=a; b+=1; b=b+1; a*=2",
    "c=a.copy(); a+=1; a+=c",
    "np.fill_diagonal(a,0)",
    "np.add.at(a,[0,0],1.)",
    "np.clip(a,0,1,out=a)",
    "np.cumsum(a,axis=0,out=a)",
    "a.real[0]=3",
    "np.place(a,x>0,[1.])",
    "a[...]=x[::-1]",
    "np.maximum(a,0,a)",
    "a[:,None][0]=2",
]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "int": lambda x: [
        (k := (x * 10).astype(int)),
        k.__iadd__(k),
        k.__ifloordiv__(3),
        k << 1,
        k & 3,
        ~k,
        k % 3,
        k / 2,
    ][2:],
    "bool": lambda x: [
        x > 0,
        ~(x > 0),
        (x > 0) & (x < 1),
        (x > 0).sum(),
        (x > 0).astype(float),
        np.logical_xor(x > 0, x < 0.5),
    ],
    "divmod": lambda x: divmod(x, 0.3),
    "modf": lambda x: np.modf(x),
    "frexp": lambda x: np.frexp(x),
    "where kw": lambda x: np.add(x, 1, where=x > 0, out=np.zeros_like(x)),
    "dtype kw": lambda x: np.sqrt(abs(x), dtype="f4"),
    "sum kw": lambda x: [
        np.sum(x, axis=0, where=x > 0, initial=2.0),
        x.sum(axis=(0, 1), keepdims=True),
        np.sum(x, dtype="f4"),
    ],
    "minmax": lambda x: [
        x.min(axis=1),
        x.max(),
        np.ptp(x, axis=0),
        np.argmax(x, axis=1),
        np.argsort(x, axis=0),
    ],
    "argsort index": lambda x: x[np.argsort(x[:, 0])],
    "take": lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
    "sorted copy": lambda x: np.sort(x, axis=0)[::-1],
    "unpack": lambda x: (lambda a, b, c, d: [a + b, c * d])(*x),
    "loop": lambda x: sum([row @ row for row in x]),
    "scalars": lambda x: [
        x[0, 0] * x[1, 1],
        x[0, 0] / x[1, 1],
        -x[0, 0],
        abs(x[0, 0]),
        x[0, 0] ** 2,
        x[0, 0] % 0.3,
        x[0, 0] // 0.3,
        2 ** x[0, 0],
        x[0, 0] > 0,
        np.sqrt(abs(x[0, 0])),
        x[0, 0] + 1,
    ],
    "mixed scalar": lambda x: x[0, 0] * x + np.float32(2) * x[0, 0],
    "f32 scalars": lambda x: (
        lambda z: [
            z[0, 0] * 2.0,
            z[0, 0] * np.float64(2),
            z * np.float64(2),
            z[0, 0] * 3,
            z * 2.0,
            z.sum() * 1.1,
        ]
    )(x.astype("f4")),
    "f16": lambda x: (lambda z: [z * z, z.sum(), z * 1.1, z / 3])(x.astype("f2")),
    "longdouble": lambda x: (lambda z: [z * z, z.sum(), z * 1.1])(x.astype(np.longdouble)),
    "order": lambda x: [
        np.exp(x.T),
        x.T + x.T,
        x.T * x[:, :1].T,
        np.add(x.T, 1, order="C"),
        (x.T).reshape(-1),
        x.reshape(3, 4, order="F"),
        x.flatten("F"),
        x.ravel("K"),
    ],
    "empty_like": lambda x: [np.zeros_like(x.T), np.ones_like(x, dtype=int), np.full_like(x, 3)],
    "einsum": lambda x: [
        np.einsum("ij,ij->i", x, x),
        np.einsum("ij,kj->ik", x, x),
        np.einsum(x, [0, 1]),
    ],
    "linalg": lambda x: [
        np.linalg.norm(x),
        np.linalg.norm(x, axis=1),
        np.linalg.svd(x, full_matrices=False),
        np.linalg.qr(x),
        np.linalg.pinv(x),
        np.linalg.inv(x[:3]),
        np.linalg.slogdet(x[:3]),
        np.linalg.eigvalsh(x.T @ x),
        np.linalg.matrix_power(x[:3], 2),
    ],
    "fft": lambda x: [np.fft.rfft(x), np.fft.ifft(x, axis=0), np.fft.fftshift(x)],
    "stack": lambda x: [
        np.vstack([x, x]),
        np.hstack([x, x]),
        np.dstack([x]),
        np.column_stack([x, x]),
        np.tile(x, 2),
        np.repeat(x, 2, axis=0),
        np.split(x, 2),
        np.array_split(x, 3),
    ],
    "masked where": lambda x: np.where(x > 0, x, np.nan),
    "nan": lambda x: [
        np.nansum(np.where(x > 0, x, np.nan)),
        np.nanmean(np.where(x > 0, x, np.nan), axis=0),
        np.nanmax(x),
    ],
    "interp": lambda x: np.interp(x[:, 0], np.arange(4.0), np.arange(4.0) ** 2),
    "diff": lambda x: [np.diff(x, axis=0), np.gradient(x)],
    "apply": lambda x: np.apply_along_axis(np.sort, 0, x),
    "poly": lambda x: np.polyval(x[0], x[:, 0]),
    "cond": lambda x: np.select([x > 1, x < 0], [x, -x], 0.0),
    "pad": lambda x: np.pad(x, 1, mode="edge"),
    "meshgrid": lambda x: np.meshgrid(x[0], x[:, 0]),
    "kron": lambda x: np.kron(x, np.eye(2)),
    "cov": lambda x: [
        np.cov(x),
        np.corrcoef(x),
        np.std(x, axis=0),
        np.var(x, ddof=1),
        np.median(x, axis=0),
        np.quantile(x, 0.3),
    ],
    "digitize": lambda x: np.digitize(x[:, 0], np.asarray([-1.0, 0, 1])),
    "searchsorted": lambda x: np.searchsorted(np.sort(x[:, 0]), x[0]),
    "out tuple": lambda x: np.modf(x, out=(np.empty_like(x), np.empty_like(x))),
    "accumulate": lambda x: [
        np.add.accumulate(x, axis=1),
        np.multiply.outer(x[0], x[1]),
        np.add.reduceat(x, [0, 2], axis=0),
        np.logaddexp.reduce(x, axis=0),
    ],
    "negzero": lambda x: [
        x * 0.0,
        -(x * 0.0),
        x * 0.0 + 0.0,
        0.0 - x * 0.0,
        (-x) + x,
        x + (-x),
        x - 0.0,
        x * 1,
        x / 1,
        1 * x,
        x**1,
    ],
    "neg twice": lambda x: np.negative(-x),
    "sub neg": lambda x: [x - (-x), (-x) - x, (-x) + (-x)],
    "inf": lambda x: [x / (x * 0), np.maximum(x, np.nan), np.fmax(x, np.nan)],
    "concat scalars": lambda x: np.concatenate([x[0], x[1] * 2, np.ones(2)]),
    "bytes": lambda x: x.astype(">f8") * 2,
    "np on Variable": lambda x: [np.sin(pg.Variable(x)), np.sum(pg.Variable(x))],
}


@pytest.mark.parametrize("text", WRITES)
@pytest.mark.parametrize("kind", ["float64", "float32", "complex128", "imaginary"])
def test_writes(text: str, kind: str) -> None:
    scope: dict[str, Any] = {"np": np}
    exec(f"def f(x):\n a = x * 1.0\n {text}\n return a", scope)
    xs = [X * 1j, Y * 1j] if kind == "imaginary" else [X.astype(kind), Y.astype(kind)]
    verdict = verdict_on(Row(text, scope["f"], xs[:1], xs[1:]))
    raises = kind[0] in "ci" and ("//" in text or "%" in text)
    assert verdict.kind == ("raises" if raises else "same"), verdict.why


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    for x, y in ((X, Y), (Y[::-1], X[::-1]), (np.asfortranarray(X), np.asfortranarray(Y))):
        assert verdict_on(Row(name, FUNCTIONS[name], [x], [y])) == Verdict("same")


def test_a_wider_number_is_added_in_place() -> None:
    def f(x: Any) -> Any:
        a = x.astype("f4")
        a += np.sum(x)
        a *= np.float64(1.1)
        return a

    assert verdict_on(Row("", f, [X], [Y])) == Verdict("same")


def test_errors_of_floating_point_are_handled_where_the_function_says_so() -> None:
    def f(x: Any) -> Any:
        with np.errstate(all="ignore"):
            y = np.log(x) / x
            y[0] = 2.0
        return y + x

    g = pg.compile(f, on_break="error")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            np.testing.assert_array_equal(g(np.zeros(2)), [2.0, -np.inf])

    def strict(x: Any) -> Any:
        with np.errstate(divide="raise"):
            return 1 / x

    h = pg.compile(strict, on_break="error")
    h(np.ones(2))
    with pytest.raises(FloatingPointError):
        h(np.zeros(2))
    with pytest.warns(RuntimeWarning):
        pg.compile(lambda x: 1 / x, on_break="error")(np.zeros(2))
