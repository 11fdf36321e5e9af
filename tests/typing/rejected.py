"""Mistakes that mypy and pyright, both strict, must refuse: on each line marked so, and on no other.

Nothing here is ever called. `test_typing.py` compares the lines with what the checkers say.
"""

from __future__ import annotations

import numpy as np

import pluggrad as pg


def loss(w: pg.Variable, scale: float = 1.0) -> pg.Variable:
    return pg.sum(w * w) * scale


def names(v: pg.Variable) -> None:
    pg.nonsense  # refused
    pg.linalg.nonsense(v)  # refused
    pg.special.nonsense(v)  # refused
    v.nonsense()  # refused
    v.grad.nonsense()  # refused
    from pluggrad import nonsense  # refused

    del nonsense


def arguments(v: pg.Variable) -> None:
    pg.sum(v, axes=0)  # refused
    pg.sum(v, axis="rows")  # refused
    pg.sin()  # refused
    pg.sin(v, v)  # refused
    pg.sin(x=v)  # refused
    pg.sin("text")  # refused
    pg.concat(v, v)  # refused
    pg.linalg.solve(v)  # refused
    pg.fft.fft(v, n="2")  # refused
    v.sum(nonsense=True)  # refused
    v + "text"  # refused
    v @ None  # refused
    None * v  # refused
    pg.Variable(np.ones(2), requires_gradient=True)  # refused
    pg.graph_breaks("sometimes")  # refused


def results(v: pg.Variable) -> None:
    number: float = pg.sum(v)  # refused
    rows: str = v * 2  # refused
    sign: int = pg.linalg.slogdet(v).sign  # refused
    pg.linalg.slogdet(v).signs  # refused
    del number, rows, sign


def transforms(v: pg.Variable) -> None:
    pg.grad(loss)(v, 1.0, v)  # refused
    pg.grad(loss)()  # refused
    pg.grad(loss)(v, scale="large")  # refused
    pg.grad(loss)(v, size=2.0)  # refused
    pg.grad(loss)("text")  # refused
    pg.grad(loss, argnum=0)  # refused
    pg.grad(v)  # refused
    pg.value_and_grad(loss)(v, 1.0, v)  # refused
    pg.hessian(loss)()  # refused
    pg.jacfwd(loss)(v, 1.0, v)  # refused
    pg.vmap(loss)(v, 1.0, v)  # refused
    pg.checkpoint(loss)("text")  # refused
    pg.checkpoint(loss)(v).nonsense  # refused
