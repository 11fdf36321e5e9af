"""The vocabulary of the tables: an Operation is a row, a Case is one way of calling it.

A row says how the operation is called, on which inputs, and who can judge it. The rest (which
cells there are, the oracles, the tolerances, the report) follows from the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["KINDS", "OPERATIONS", "Array", "Case", "Operation", "add", "case", "extend"]

#: What kinds of operation there are; `tolerance` has a constant for each.
KINDS = (
    "elementwise",  # judged component by component
    "movement",  # copies of the inputs' components: exact
    "reduction",
    "scan",
    "contraction",
    "fft",
    "linalg",
    "decomposition",  # linalg, judged through functions that do not depend on the gauge
    "program",  # many operations
)


@dataclass(frozen=True)
class Array:
    """An input: random numbers of a shape from an interval, or values that the case is about.

    `values` (a number or nested tuples) replaces the random numbers. `structure` is the kind of
    matrix that is made of them: ``"spd"`` (positive definite, well conditioned), ``"hermitian"``,
    ``"regular"`` (square, far from singular), ``"spread"`` (eigenvalues far apart), ``"lower"``,
    ``"upper"``. With `dtype` ("int64", "bool", ...) the array is a setting: it has that dtype in
    every cell and no gradient. `constant` is the same for an array of the cell's own dtype. Complex
    arrays draw both parts from the interval.
    """

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    values: Any = None
    structure: str = ""
    dtype: str = ""
    constant: bool = False


@dataclass(frozen=True)
class Case:
    """One call: its arguments, in which each `Array` is made for the cell's dtype.

    `axis` says what the case varies: ``"case"`` (values: ties, kinks, zeros, infinities, nan) or
    ``"shape"`` (0-d, empty, broadcast, batched, large; non-contiguous is made of the typical case).
    `convention` names the documented convention that decides here, whatever the oracles
    say; ``expected(c, *inputs)`` gives the gradients it asks for, a list of NumPy arrays in double
    precision, for the cotangent `c` of the output (a list of them if there are several outputs).
    `domain` is "real" or "complex" where the case makes sense for one of them only, and `dtypes`
    names the dtypes it is meant for, if it is about their range. `orders` is the highest order of
    derivative that is defined here, where that is less than the operation's.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    axis: str = "case"
    convention: str = ""
    domain: str = ""
    expected: Callable[..., list[Any]] | None = None
    orders: int = 2
    dtypes: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)


def case(name: str, *args: Any, axis: str = "case", convention: str = "", domain: str = "",
         expected: Callable[..., list[Any]] | None = None,
         **kwargs: Any) -> Case:  # fmt: skip
    """A `Case`, written like the call it stands for; `tables.rows` has shorter forms."""
    return Case(name, args, kwargs, axis, convention, domain, expected)


@dataclass(frozen=True, eq=False)
class Operation:
    """A row: an operation, its cases (the first one typical), and how the oracles call it.

    ``call(xp, *args, **kwargs)`` computes it in any namespace; by default it is the function of
    that name in `xp`. `torch` and `jax` replace it where these libraries spell it otherwise
    (``torch(torch, *args, **kwargs)``, ``jax(jax.numpy, *args, **kwargs)``); `no_torch` and
    `no_jax` say that they lack it. ``exact(*scalars)`` is the function of mpmath numbers, for
    elementwise operations. `analytic` says that the complex step may be used. `gauge` turns the
    outputs of a decomposition into arrays that do not depend on the choice of phases and signs:
    ``gauge(xp, outputs, inputs)`` gives a list.
    """

    name: str
    kind: str
    cases: tuple[Case, ...]
    domains: tuple[str, ...] = ("real", "complex")
    orders: int = 2  # the highest order of derivative that is defined
    call: Callable[..., Any] | None = None
    torch: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    no_torch: bool = False
    no_jax: bool = False
    exact: Callable[..., Any] | None = None
    analytic: bool = False
    gauge: Callable[..., Any] | None = None
    operator: Callable[..., Any] | None = None
    method: str = ""
    backends: tuple[str, ...] = ()  # where it is there, if not everywhere
    path: str = ""  # how a user writes a library's own function: "torch.addmm", "torch.Tensor.view"
    inputs_of: str = ""  # the row with the same cases, whose numbers and frozen answers it has
    compiled: bool = True  # whether it may stand inside jax.jit: no data-dependent shapes
    note: str = ""

    @property
    def origin(self) -> str:
        """The name of the row that the inputs come from."""
        return self.inputs_of or self.name

    def in_namespace(self, xp: Any, *args: Any, **kwargs: Any) -> Any:
        """The operation, called in the namespace `xp`."""
        if self.call is not None:
            return self.call(xp, *args, **kwargs)
        function = xp
        for part in self.name.split("."):
            function = getattr(function, part)
        return function(*args, **kwargs)

    def find(self, axis: str, name: str) -> Case:
        """The case of that name; `KeyError` if there is none."""
        for found in self.cases:
            if found.axis == axis and found.name == name:
                return found
        raise KeyError(f"{self.name} has no {axis} {name!r}")

    @property
    def typical(self) -> Case:
        """The case that base cells use."""
        return self.cases[0]


#: Every operation by name; `tables.load_operations` fills it.
OPERATIONS: dict[str, Operation] = {}


def add(name: str, kind: str, *cases: Case, **facts: Any) -> Operation:
    """Put a row into the table. The first case is the typical one."""
    if kind not in KINDS:
        raise ValueError(f"{name}: {kind!r} is no kind; kinds are {', '.join(KINDS)}")
    if name in OPERATIONS:
        raise ValueError(f"{name} is in the table twice")
    if not cases or len({(c.axis, c.name) for c in cases}) != len(cases):
        raise ValueError(f"{name} needs cases, each with a name of its own")
    OPERATIONS[name] = made = Operation(name, kind, tuple(cases), **facts)
    return made


def extend(name: str, *cases: Case, **facts: Any) -> Operation:
    """Add cases or facts to a row."""
    row = OPERATIONS[name]
    OPERATIONS[name] = replace(row, cases=(*row.cases, *cases), **facts)
    return OPERATIONS[name]
