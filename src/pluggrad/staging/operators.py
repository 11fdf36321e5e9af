"""Python's operators on stand-ins for arrays. For NumPy scalars some round in another way than the
ufuncs of the same meaning, so a program calls the operator."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..arrays.backend import VARIABLES
from ..arrays.tracers import TRACERS

__all__ = ["ROUNDED", "give_operators", "is_ambiguous"]

#: Operators of NumPy scalars that round in another way than these ufuncs do.
ROUNDED = frozenset({np.multiply, np.power})


def is_ambiguous(ufunc: Any, inputs: Any) -> bool:
    """Whether it matters which of the two it is: where a NumPy scalar comes first, both look the
    same."""
    x, y = inputs
    if type(x) in TRACERS or not isinstance(x, np.generic) or y.entry.kind != "scalar":
        return False
    if ufunc is np.power:
        return True
    both = isinstance(x, np.complexfloating) and y.dtype.kind == "c"
    return both and bool(x.real != 0) and bool(x.imag != 0)


def give_operators(kind: type) -> None:
    """Give the class `kind` the operators that are more than a ufunc: powers, those in place, and
    those of numbers."""

    def number(x: Any) -> bool:
        return type(x) in (float, int) or (type(x) in TRACERS and x.entry.kind == "number")

    def parts(*both: Any) -> bool:
        """Whether these are complex numbers, and no arrays: Python's operators round their products
        and moduli in another way than NumPy's functions do."""
        return all([
            x.entry.kind == "scalar" and x.entry.dtype.kind == "c" if type(x) in TRACERS
            else isinstance(x, complex) for x in both
        ])  # fmt: skip

    def binary(name: str, usual: Any, reflected: bool) -> Any:
        function, power, times = getattr(operator, name), name == "pow", name == "mul"

        def operate(self: Any, other: Any) -> Any:
            if type(other) in VARIABLES:
                return NotImplemented
            if power or (number(self) and number(other)) or (times and parts(self, other)):
                args = (other, self) if reflected else (self, other)
                return self.trace.call(function, args, {})
            return usual(self, other)

        return operate

    def in_place(name: str, usual: Any) -> Any:
        function = getattr(operator, name)

        def operate(self: Any, other: Any) -> Any:
            if type(self.value) is not np.ndarray or type(other) in VARIABLES:
                return function(self, other)
            if name == "pow":
                self.trace.call(operator.ipow, (self, other), {}, writes=(self,))
                return self
            return usual(self, other)

        return operate

    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        setattr(kind, f"__{name}__", binary(name, getattr(kind, f"__{name}__"), False))
        setattr(kind, f"__r{name}__", binary(name, getattr(kind, f"__r{name}__"), True))
        setattr(kind, f"__i{name}__", in_place(name, getattr(kind, f"__i{name}__")))
    for name in ("neg", "pos", "abs"):
        usual, function = getattr(kind, f"__{name}__"), getattr(operator, name)

        def unary(self: Any, usual: Any = usual, function: Any = function) -> Any:
            if number(self) or (function is operator.abs and parts(self)):
                return self.trace.call(function, (self,), {})
            return usual(self)

        setattr(kind, f"__{name}__", unary)
