"""The Fourier transforms that are tested: names, shapes and settings."""

from __future__ import annotations

import pytest

#: Transforms of real arrays.
FROM_REAL = {"rfft", "rfftn", "ihfft"}
NORMS = ["backward", "ortho", "forward"]

ONE = [
    ((8,), {}), ((7,), {}), ((8,), {"n": 5}), ((7,), {"n": 12}), ((5,), {"n": 1}),
    ((3, 4), {"axis": 0}), ((3, 4), {"axis": 0, "n": 6}), ((2, 3, 5), {"axis": -2, "n": 2}),
    ((0, 4), {}),
]  # fmt: skip
SEVERAL = [
    ((4, 5), {}), ((5, 4), {"axes": (1, 0)}), ((3, 4), {"axes": (0,)}),
    ((3, 4), {"s": (5, 2), "axes": (0, 1)}), ((3, 4), {"s": (2, 7), "axes": (1, 0)}),
    ((2, 3, 4), {"axes": (0, 2), "s": (3, 3)}),
]  # fmt: skip
#: (name, shape, keywords) of each call.
FFT_ROWS = [
    pytest.param(name, shape, {**kwargs, "norm": norm}, id=f"{name} {shape} {kwargs} {norm}")
    for names, cases in ((("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"), ONE),
                         (("fftn", "ifftn", "rfftn", "irfftn"), SEVERAL))
    for name in names for shape, kwargs in cases for norm in NORMS
]  # fmt: skip
