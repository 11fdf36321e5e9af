"""Fourier transforms: of one axis, of several, and shifts."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from ..operations import Array, add
from .rows import about, shaped, torch_function, usual

#: The kinds of numbers that a transform takes. The standard's fft and ifft take complex numbers alone; libraries take real ones, too.
DOMAINS = {"fft": ("real", "complex"), "ifft": ("real", "complex"), "rfft": ("real",), "irfft": ("complex",), "hfft": ("complex",), "ihfft": ("real",)}
x, m = Array((8,)), Array((3, 4))

for name, domains in DOMAINS.items():
    spelled = torch_function(f"fft.{name}", axis="dim", axes="dim")
    add(f"fft.{name}", "fft", usual(x), shaped("odd", Array((7,))), shaped("batched", m), shaped("large", Array((4, 256))), shaped("first axis", m, axis=0, n=6),
        about("cut", x, n=5), about("padded", Array((7,)), n=12, norm="forward"), about("orthonormal", Array((5,)), norm="ortho"),
        shaped("to one", Array((5,)), n=1), domains=domains, torch=spelled)
    if "h" not in name.replace("fft", ""):
        spelled = torch_function(f"fft.{name}n", axis="dim", axes="dim")
        add(f"fft.{name}n", "fft", usual(Array((4, 5))), shaped("one axis", m, axes=(0,)), shaped("large", Array((16, 64))), about("orthonormal", Array((5, 4)), norm="ortho"),
            about("sizes", m, s=(2, 7), axes=(1, 0)), shaped("two of three", Array((2, 3, 4)), axes=(0, 2), s=(3, 3), norm="forward"), domains=domains, torch=spelled)
        spelled = torch_function(f"fft.{name}2", axis="dim", axes="dim")
        add(f"fft.{name}2", "fft", usual(Array((4, 5))), shaped("batched", Array((2, 3, 4))), about("sizes", m, s=(4, 3), norm="ortho"), domains=domains, torch=spelled)
for name in ("fftshift", "ifftshift"):
    add(f"fft.{name}", "movement", usual(Array((4, 3))), shaped("one axis", Array((3, 5)), axes=1), shaped("odd", Array((5,))), torch=torch_function(f"fft.{name}", axes="dim"))
