"""Oracles: what others say the value and the derivatives of an operation are.

`consult_oracles` asks them. They are, in the order of authority:

| name | what it is |
|---|---|
| convention | the documented convention, where it decides whatever the libraries say |
| torch | torch.autograd in double precision, the main one |
| jax | jax.vjp in double precision, in torch's complex convention |
| mpmath | 50 digits and differences, for elementwise operations with few components |
| scipy | SciPy's own function, for the values of pluggrad.scipy |
| complex step | for analytic functions of real numbers |
| finite differences | a smoke test, with a doubt of its own |

All compute in double precision, from the inputs as they were rounded to the dtype of the cell.
Where torch or jax is not installed, or with ``PLUGGRAD_ORACLES=frozen`` in the environment, the
answers that ship with the package stand in, as "torch (frozen)" and "jax (frozen)".
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..problem import QUANTITIES, Problem
from .answers import Ask, NoAnswer, OracleAnswer, quiet
from .complex_step import complex_step_answer
from .conditioning import DRAWS, scale_of
from .conventions import convention_answer
from .frozen import frozen_answer, frozen_as_live, frozen_versions, stands_in
from .jax_ import jax_answer
from .mpmath_ import mpmath_answer
from .richardson import differences_and_doubt
from .scipy_ import scipy_answer
from .torch_ import torch_answer

__all__ = ["NAMES", "OracleAnswer", "clear", "consult_oracles", "describe", "is_live", "silence"]

_ABOUT = {
    "convention": "the documented convention, where it decides whatever the libraries say",
    "torch": "torch.autograd in double precision, the main one",
    "jax": "jax.vjp in double precision, in torch's complex convention",
    "mpmath": "50 digits and differences, for elementwise operations with few components",
    "scipy": "SciPy's own function, for the values of pluggrad.scipy",
    "complex step": "for analytic functions of real numbers",
    "finite differences": "a smoke test, with a doubt of its own",
}
#: The oracles, in the order of authority.
NAMES = tuple(_ABOUT)

_ASK: dict[str, Ask] = {
    "torch": torch_answer,
    "jax": jax_answer,
    "mpmath": mpmath_answer,
    "scipy": scipy_answer,
    "complex step": complex_step_answer,
}
_MODULES = {"torch": "torch", "jax": "jax", "mpmath": "mpmath", "scipy": "scipy"}
_KEPT = 400

_answers: OrderedDict[tuple[Any, ...], OracleAnswer | str] = OrderedDict()
_scales: OrderedDict[tuple[Any, ...], list[np.ndarray]] = OrderedDict()


def consult_oracles(
    problem: Problem, quantity: str, names: Iterable[str] | None = None
) -> list[OracleAnswer]:
    """The answers of the oracles `names` (all if None) that have one, in the order of authority.

    An answer is computed when it is first asked for, and kept: ask few oracles first, and more if
    they object. `silence` tells why an oracle gave none. Raises `ValueError` for an unknown
    quantity or oracle.

    >>> from pluggrad_conformance.cells import Cell
    >>> from pluggrad_conformance.problem import Problem
    >>> problem = Problem.of(Cell("sin", "numpy", "float64"))
    >>> (answer,) = consult_oracles(problem, "gradient", ["complex step"])
    >>> expected = np.cos(problem.inputs[0]) * problem.cotangent(0, (2, 3), "float64")
    >>> bool(np.allclose(answer.arrays[0], expected, rtol=1e-15))
    True
    """
    found = [_asked(problem, quantity, name) for name in _ordered(quantity, names)]
    return [answer for answer in found if isinstance(answer, OracleAnswer)]


def silence(problem: Problem, quantity: str, names: Iterable[str] | None = None) -> dict[str, str]:
    """Why the oracles that have no answer have none, by name."""
    chosen = _ordered(quantity, names)
    found = {name: _asked(problem, quantity, name) for name in chosen}
    return {name: answer for name, answer in found.items() if isinstance(answer, str)}


def describe() -> dict[str, str]:
    """The oracles by name: what each is, and whether it is live, frozen or missing here."""
    found = {}
    for name, about in _ABOUT.items():
        if name in _MODULES:
            versions = frozen_versions()
            state = f"frozen ({versions[name]})" if name in versions else "missing"
            about += f" · {'live' if is_live(name) else state}"
        found[name] = about
    return found


def clear() -> None:
    """Forget every answer."""
    _answers.clear()
    _scales.clear()


def is_live(name: str) -> bool:
    """Whether the oracle itself can be asked here, rather than its frozen answers."""
    if name in ("torch", "jax") and os.environ.get("PLUGGRAD_ORACLES") == "frozen":
        return False
    return name not in _MODULES or _installed(_MODULES[name])


@cache
def _installed(module: str) -> bool:
    return find_spec(module) is not None


def _ordered(quantity: str, names: Iterable[str] | None) -> list[str]:
    if quantity not in QUANTITIES:
        raise ValueError(f"{quantity!r} is no quantity; they are {', '.join(QUANTITIES)}")
    chosen = set(NAMES if names is None else names)
    if unknown := chosen - set(NAMES):
        raise ValueError(f"no oracle {', '.join(sorted(unknown))}; they are {', '.join(NAMES)}")
    return [name for name in NAMES if name in chosen]


def _asked(problem: Problem, quantity: str, name: str) -> OracleAnswer | str:
    key = (_identity(problem), quantity)
    kept = _answers.get((*key, name, is_live(name)))
    if kept is None:
        kept = _ask(problem, quantity, name, key)
        _keep(_answers, (*key, name, is_live(name)), kept)
    return kept


def _ask(problem: Problem, quantity: str, name: str, key: tuple[Any, ...]) -> OracleAnswer | str:
    """An answer, or the reason for none. An exception counts as no answer: another oracle may
    know."""
    ask = _ASK.get(name)
    with quiet():
        try:
            if name == "convention":
                arrays, note = convention_answer(
                    problem, quantity, lambda: _library_values(problem)
                )
                return OracleAnswer(name, arrays, _borrowed(problem, quantity, arrays), note)
            if not is_live(name):
                return frozen_answer(problem, quantity, name)
            if stands_in(name) and (found := frozen_as_live(problem, quantity, name)) is not None:
                return found
            if ask is None:
                arrays, doubt = differences_and_doubt(problem, quantity)
                return OracleAnswer(name, arrays, _borrowed(problem, quantity, arrays), "", doubt)
            arrays = ask(problem, quantity)
            if key not in _scales:
                slow = name == "mpmath" or problem.operation.kind == "program"
                scale = scale_of(ask, problem, quantity, arrays, 1 if slow else DRAWS)
                _keep(_scales, key, scale)
        except NoAnswer as why:
            return str(why)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return OracleAnswer(name, arrays, _fitting(_scales[key], arrays))


def _library_values(problem: Problem) -> list[np.ndarray] | None:
    """The outputs as torch or else JAX computes them; None if neither does."""
    found = consult_oracles(problem, "value", ["torch", "jax"])
    return found[0].arrays if found else None


def _borrowed(problem: Problem, quantity: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The scale of another oracle, for an oracle that cannot be asked about nearby inputs."""
    for name in ("torch", "jax", "complex step"):
        other = _asked(problem, quantity, name)
        if isinstance(other, OracleAnswer):
            return _fitting(other.scale, arrays)
    return [np.zeros(q.shape) for q in arrays]


def _fitting(scale: list[np.ndarray], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The shared scale, where it fits; zeros for an oracle whose answer has other shapes."""
    fits = [s.shape for s in scale] == [q.shape for q in arrays]
    return scale if fits else [np.zeros(q.shape) for q in arrays]


def _keep(store: OrderedDict[tuple[Any, ...], Any], key: tuple[Any, ...], value: Any) -> None:
    store[key] = value
    while len(store) > _KEPT:
        store.popitem(last=False)


def _identity(problem: Problem) -> tuple[Any, ...]:
    """What an answer depends on: the key, and the numbers, since a shrunk problem keeps its key."""
    parts: list[Any] = [id(problem.operation), problem.key]
    for x in problem.args:
        for item in x if isinstance(x, (list, tuple)) else (x,):
            if isinstance(item, np.ndarray):
                parts += [item.shape, item.tobytes()]
    return tuple(parts)
