"""The judge of models: what onnxruntime computes with one, against eager execution."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optree

import pluggrad as pg

from .compile_judge import Row, Verdict

__all__ = ["difference_of", "leaves_of", "run_model", "verdict_on_model"]


def leaves_of(x: Any) -> list[Any]:
    """The arrays and floats in nested containers, without Variables around them."""
    found = [y.data if isinstance(y, pg.Variable) else y for y in optree.tree_leaves(x)]
    return [np.asarray(y) for y in found if isinstance(y, (np.ndarray, np.generic, float))]


def run_model(model: Any, args: Any) -> list[Any]:
    """What onnxruntime gives for these arguments."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [x.name for x in session.get_inputs()]
    found: list[Any] = session.run(None, dict(zip(names, leaves_of(args), strict=True)))
    return found


def difference_of(found: Any, expected: Any, rtol: float = 1e-10) -> str:
    """What is different between two lists of arrays, beyond rounding; "" if nothing is."""
    if len(found) != len(expected):
        return f"{len(found)} arrays, expected {len(expected)}"
    for x, y in zip(found, expected, strict=True):
        if (x.dtype, x.shape) != (y.dtype, y.shape):
            return f"{x.dtype} {x.shape}, expected {y.dtype} {y.shape}"
        tolerance = {2: 1e-3, 4: 1e-5, 8: rtol}[y.dtype.itemsize] if y.dtype.kind == "f" else 0.0
        finite = np.abs(y[np.isfinite(y)]).ravel()
        if not np.allclose(x, y, tolerance, tolerance * max([1, *finite]), equal_nan=True):
            return f"{x.tolist()}, expected {y.tolist()}"[:400]
    return ""


def verdict_on_model(row: Row) -> Verdict:
    """Make a model of the function of a row, and run it with the other arguments."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = leaves_of(row.fun(*row.again))
        except Exception as error:
            return Verdict("raises", str(error))
        try:
            model = pg.to_onnx(row.fun, *row.args)
        except (pg.UnsupportedError, pg.UntraceableError) as error:
            return Verdict("refused", str(error))
        except Exception as error:
            return Verdict("foreign", f"{type(error).__name__}: {error}")
        try:
            found = run_model(model, row.again)
        except Exception as error:
            return Verdict("foreign", f"{type(error).__name__}: {error}")
        single = any([x.dtype == np.float32 for x in leaves_of(row.args)])
        why = difference_of(found, expected, 1e-5 if single else 1e-10)
        return Verdict("different", why) if why else Verdict("same")
