"""`pg.source`: every printed program runs without pluggrad, and computes what eager execution does."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import optree
import pytest

import pluggrad as pg
from tests.support.compile_judge import Row
from tests.support.compile_rows import rule_rows, special_rows, transform_rows
from tests.support.optional import needs

#: What has no text: functions that are more than NumPy's.
REFUSED = 0.06


def run(text: Any, args: Any, **scope: Any) -> Any:
    """The result of a printed function."""
    assert "pluggrad" not in str(text)
    exec(compile(str(text), "<source>", "exec"), scope)
    name = str(text).split("def ")[1].split("(")[0]
    return scope[name](*args, **text.arrays)


def compare(found: Any, expected: Any, what: str) -> None:
    """Numbers, shapes and dtypes agree, to rounding (operators on complex scalars round in another
    way than functions)."""
    got, wanted = [optree.tree_leaves(y, none_is_leaf=True) for y in (found, expected)]  # type: ignore[arg-type]
    for x, y in zip(got, wanted, strict=True):
        y = y.data if isinstance(y, pg.Variable) else y
        x, y = np.asarray(x), np.asarray(y)
        assert x.dtype == y.dtype and x.shape == y.shape, what
        tolerance = 1e-5 if x.dtype in ("float32", "complex64") else 1e-12
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=what)


def check(rows: Iterator[Row], step: int) -> None:
    refused, count = [], 0
    with np.errstate(all="ignore"):
        for row in itertools.islice(rows, 0, None, step):
            count += 1
            try:
                text = pg.source(row.fun, *row.args)
            except pg.BackendError as error:
                refused.append(str(error))
                continue
            for args in (row.args, row.again):
                compare(run(text, args), row.fun(*args), f"{row.name}\n{text}")
    assert len(refused) <= REFUSED * count, refused


@pytest.mark.parametrize("mode", ["value", "gradient", "jvp", "hvp"])
def test_rules(mode: str) -> None:
    check(rule_rows((mode,)), 7)


def test_special_functions() -> None:
    needs("scipy")
    check(special_rows(("value", "gradient")), 5)


def test_transforms() -> None:
    check(transform_rows(), 5)


def test_array_api() -> None:
    """The standard's own functions, on a library that has no others."""
    needs("array_api_strict")
    import array_api_strict as strict

    refused, count = [], 0
    names = ("value", "grad", "jvp", "hvp")
    for row in transform_rows():
        transform, _, name = row.name.partition(" of ")
        if transform not in names or "float64" not in name:
            continue
        count += 1
        try:
            text = pg.source(row.fun, *row.args, style="array-api")
        except pg.BackendError as error:
            refused.append(str(error))
            continue
        text.arrays = {key: strict.asarray(x) for key, x in text.arrays.items()}
        found = run(text, [strict.asarray(x) for x in row.args], xp=strict)
        found = optree.tree_map(lambda x: np.asarray(x._array), found)
        compare(found, row.fun(*row.args), f"{row.name}\n{text}")
    assert len(refused) < 0.4 * count, refused


TABLE = np.arange(12.0).reshape(4, 3)


def loss(params: Any, t: Any) -> Any:
    y = pg.tanh(TABLE @ params["w"] + params["b"])
    return pg.mean((y - t) ** 2) + pg.max(pg.abs(params["w"]))


def test_names_shapes_and_conventions() -> None:
    args = {"w": np.ones(3), "b": np.asarray(0.5)}, np.ones(4)
    text = pg.source(pg.value_and_grad(loss), *args)
    assert "def loss(params_b, params_w, t, TABLE):" in text and list(text.arrays) == ["TABLE"]
    assert "# TABLE: an array of shape (4, 3), float64" in text and "TABLE @ params_w" in text
    assert "ties" in text and "0 at 0" in text and "# (4,)" in text
    assert repr(text) == text
    script = f"""
import sys
sys.modules["pluggrad"] = None
{text}
TABLE = np.arange(12.0).reshape(4, 3)
value, g = loss(np.asarray(0.5), np.ones(3), np.ones(4), TABLE)
print(float(value), g["w"].tolist())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    value, g = pg.value_and_grad(loss)(*args)
    assert done.stdout.strip() == f"{float(value)} {g['w'].tolist()}", done.stderr


def test_writes_and_several_arguments_of_one_name() -> None:
    def f(x: Any, *, y: float) -> Any:
        z = pg.zeros(3)
        z[1:] = x[1:] * y
        z *= x
        return pg.Variable(x), z, None, "text"

    x = np.asarray([1.0, 2.0, 3.0])
    text = pg.source(f, x, y=2.0)
    found, expected = run(text, (x, 2.0)), f(x, y=2.0)
    np.testing.assert_array_equal(found[1], expected[1].data)
    np.testing.assert_array_equal(found[0], x)
    assert found[2:] == (None, "text")


def test_errors() -> None:
    with pytest.raises(pg.InvalidArgumentError, match="style"):
        pg.source(lambda x: x, np.ones(3), style="fortran")  # type: ignore[arg-type]
    with pytest.raises(pg.UntraceableError):
        pg.source(lambda x: x if x[0] > 0 else -x, np.ones(3))
    needs("scipy")
    with pytest.raises(pg.BackendError, match="cannot write"):
        pg.source(lambda x: pg.scipy.ndimage.gaussian_filter(x, 1.0), np.ones(9))
