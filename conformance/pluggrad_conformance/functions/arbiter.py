"""The arbiter: what the value and the gradients of a function are, by no system's own word.

Where the function can be written with mpmath's numbers and has few arguments, fifty digits decide.
Elsewhere the systems are asked first. Components in which all agree are taken from them, once
finite differences along random directions have confirmed the whole; components in which they
differ are decided by finite differences, one by one. No single system is ever believed: torch has
zeros for the gradient of ``det(diag(2, 0, 5))``.

At a kink differences to both sides disagree. Whoever lies between the two slopes has made a choice
there, and is not wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..oracles.answers import NoAnswer, quiet
from ..oracles.richardson import derivative_along
from .exact_arrays import ExactNamespace, exact_array
from .inputs import takes_namespace

__all__ = ["Ruling", "arbitrate", "error_in_eps"]

#: More components than this are not differentiated with fifty digits, or one by one; nor is
#: anything with fifty digits where the arguments have more numbers than `NUMBERS`.
LIMIT, DIFFERENT, NUMBERS = 30, 60, 500
DIGITS, STEP = 50, 20
DIRECTIONS = 2
CHUNK = 10_000

Answers = dict[str, list[np.ndarray]]


@dataclass
class Ruling:
    """What the arbiter says: the value and the gradients, who says so, and where it cannot tell.

    `doubts` is the arbiter's own absolute error in each component, infinite where it does not know;
    `kinks` has the slopes of both sides, by array and index, where the function has a kink.
    """

    by: str
    arrays: list[np.ndarray]
    doubts: list[np.ndarray]
    kinks: dict[tuple[int, tuple[int, ...]], tuple[complex, complex]] = field(default_factory=dict)

    def judge(self, got: list[np.ndarray], tolerance: float) -> tuple[str, str]:
        """The verdict on the value and the gradients `got`, and where they differ."""
        verdict, note = "agrees", ""
        for k, (a, o, doubt) in enumerate(zip(got, self.arrays, self.doubts, strict=True)):
            what = "the value" if k == 0 else f"gradient {k - 1}"
            if a.shape != o.shape:
                return "differs", f"{what} has shape {a.shape} instead of {o.shape}"
            for place in _different(a, o, doubt, tolerance):
                where = f"{what} at {list(place)}" if place else what
                said = f"{where}: {_instead(a[place], o[place])}"
                if (k, place) in self.kinks:
                    low, high = sorted(self.kinks[k, place], key=lambda z: z.real)
                    slack = tolerance * (abs(low) + abs(high)) + 1e-6
                    if low.real - slack <= a[place].real <= high.real + slack:
                        note = note or f"{where}: a choice at a kink, {_short(a[place])}"
                        verdict = "kink" if verdict == "agrees" else verdict
                        continue
                    return (
                        "differs",
                        f"{where}: {_short(a[place])} lies beyond both slopes of a kink",
                    )
                if not np.isfinite(doubt[place]):
                    verdict, note = "undecided", f"{said}, and nothing tells who is right"
                    continue
                return "differs", said
        return verdict, note


def error_in_eps(got: np.ndarray, reference: np.ndarray, dtype: str) -> float:
    """The largest error, in eps of `dtype`, relative to the largest finite number of the reference.

    Infinities and nan must be in the same places, or the error is infinite; then the finite numbers
    are compared.

    >>> error_in_eps(np.asarray([np.inf, 5.0]), np.asarray([np.inf, 1.0]), "float64") > 1e15
    True
    """
    if got.shape != reference.shape or np.any(_pattern(got) != _pattern(reference)):
        return float("inf")
    finite = np.isfinite(reference)
    scale = float(np.max(np.abs(reference[finite]), initial=0.0)) or 1.0
    worst = float(np.max(np.abs(got[finite] - reference[finite]), initial=0.0))
    return worst / (float(np.finfo(dtype).eps) * scale)


def arbitrate(
    function: Callable[..., Any], args: list[Any], places: Sequence[int], answers: Answers,
    tolerance: float,
) -> Ruling:  # fmt: skip
    """The ruling on a function at `args` in double precision, where systems gave `answers` (the
    value, then the gradients by `places`), with what they agree in up to `tolerance`."""
    with quiet():
        try:
            return _exactly(function, args, places)
        except Exception:  # what cannot be computed exactly is left to differences
            return _by_differences(function, args, places, answers, tolerance)


def _pattern(x: np.ndarray) -> np.ndarray:
    """0 for numbers, 1 for nan, 2 for infinities, 3 for negative ones."""
    found = np.where(np.isnan(x), 1, 0)
    negative = x.real < 0 if x.dtype.kind == "c" else x < 0
    return np.where(np.isinf(x), np.where(negative, 3, 2), found)


def _different(
    a: np.ndarray, o: np.ndarray, doubt: np.ndarray | float, tolerance: float
) -> list[tuple[int, ...]]:
    """The indices at which `a` differs from `o`."""
    size = float(np.max(np.abs(o), initial=0.0, where=np.isfinite(o)))
    allowed = tolerance * size + np.where(np.isfinite(doubt), doubt, 0.0)
    with np.errstate(invalid="ignore"):
        far = np.abs(np.where(np.isfinite(a) & np.isfinite(o), a - o, 0.0)) > allowed
    return [tuple(map(int, place)) for place in np.argwhere((_pattern(a) != _pattern(o)) | far)]


def _short(x: Any, digits: int = 6) -> str:
    return f"{complex(x) if np.iscomplexobj(x) else float(x):.{digits}g}"


def _instead(got: Any, expected: Any) -> str:
    """Two numbers, with as many digits as tell them apart."""
    for digits in (6, 10, 17):
        a, o = _short(got, digits), _short(expected, digits)
        if a != o:
            break
    return f"{a} instead of {o}"


def _value(function: Callable[..., Any], xp: Any, args: list[Any]) -> Any:
    y = function(xp, *args) if takes_namespace(function) else function(*args)
    return y if np.shape(y) == () else np.sum(y)


def _units(x: np.ndarray) -> tuple[complex, ...]:
    return (1.0, 1j) if x.dtype.kind == "c" else (1.0,)


# ---------------------------------------------------------------- fifty digits


def _exactly(function: Callable[..., Any], args: list[Any], places: Sequence[int]) -> Ruling:
    import mpmath  # type: ignore[import-untyped]

    numbers = sum(x.size for x in args if isinstance(x, np.ndarray))
    if numbers > NUMBERS or sum(args[i].size for i in places) > LIMIT:
        raise NoAnswer("too many components")
    if not all(np.all(np.isfinite(args[i])) for i in places):
        raise NoAnswer("infinities and nan have no differences")
    mp = mpmath.mp
    real = not any(np.iscomplexobj(x) for x in args)
    with mpmath.workdps(DIGITS + 2 * STEP):
        xp = ExactNamespace(mp)
        exact = [exact_array(mp, x) if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else x
                 for x in args]  # fmt: skip

        def at(i: int, place: tuple[int, ...], move: Any) -> Any:
            given = list(exact)
            given[i] = exact[i].copy()
            given[i][place] = given[i][place] + move
            found = np.asarray(_value(function, xp, given), object).item()
            if not isinstance(found, (mp.mpf, mp.mpc, int)):
                raise NoAnswer("the function left exact numbers")
            if real and mp.im(found) != 0:
                raise NoAnswer("complex next to the input")
            return mp.re(found)

        h = mp.mpf(10) ** -STEP
        centre = at(places[0], (0,) * args[places[0]].ndim, 0) if args[places[0]].size else 0
        arrays = [np.asarray(float(centre))]
        kinks: dict[tuple[int, tuple[int, ...]], tuple[complex, complex]] = {}
        for k, i in enumerate(places, 1):
            found = np.zeros(args[i].shape, args[i].dtype)
            for place in np.ndindex(found.shape):
                for unit in _units(args[i]):
                    up = (at(i, place, unit * h) - centre) / h
                    down = (centre - at(i, place, -unit * h)) / h
                    found[place] += unit * float((up + down) / 2)
                    if abs(up - down) > 1e-8 * (abs(up) + abs(down) + 1):
                        kinks[k, place] = (float(up), float(down))
            arrays.append(found)
    if not all(np.all(np.isfinite(a)) for a in arrays):
        raise NoAnswer("not finite next to the input")
    doubts = [np.zeros(a.shape) for a in arrays]
    return Ruling("mpmath, 50 digits", arrays, doubts, kinks)


# ---------------------------------------------------------------- finite differences


def _by_differences(
    function: Callable[..., Any], args: list[Any], places: Sequence[int], answers: Answers,
    tolerance: float,
) -> Ruling:  # fmt: skip
    if not answers:
        raise ValueError("no system could compute the gradient")
    arrays = [_middle([got[k] for got in answers.values()]) for k in range(len(places) + 1)]
    ruling = Ruling("", arrays, [np.zeros(a.shape) for a in arrays])
    differ = {
        (k, place)
        for got in answers.values()
        for k, (a, o) in enumerate(zip(got, arrays, strict=True))
        if a.shape == o.shape
        for place in _different(a, o, 0.0, tolerance)
    }
    check = _Differences(function, args, places)
    try:
        check.value()
    except Exception as error:
        for k, place in differ:
            ruling.doubts[k][place] = np.inf
        ruling.by = f"what most systems say, unconfirmed: NumPy cannot compute it ({error})"
        return ruling
    for number, (k, place) in enumerate(sorted(differ)):
        if k == 0:
            arrays[0] = np.asarray(check.value())
        elif number < DIFFERENT:
            check.decide(ruling, k, place)
        else:
            ruling.doubts[k][place] = np.inf
    if differ:
        ruling.by = f"finite differences where systems differ ({len(differ)} components)"
        return ruling
    confirmed = check.confirms(arrays)
    ruling.by = f"all {len(answers)} agree" if len(answers) > 1 else "the only system"
    if confirmed is None:
        ruling.by += ", unconfirmed: the function has no differences here"
    elif confirmed:
        ruling.by += ", confirmed by finite differences"
    else:
        for doubt in ruling.doubts[1:]:
            doubt[...] = np.inf
        arrays[1:] = [np.full(a.shape, np.nan, a.dtype) for a in arrays[1:]]
        ruling.by += ", but finite differences contradict"
    return ruling


def _middle(said: list[np.ndarray]) -> np.ndarray:
    """The number that most say, component by component; of shapes, the most frequent one."""
    shapes = [a.shape for a in said]
    shape = max(shapes, key=shapes.count)
    stack = np.stack([a.ravel() for a in said if a.shape == shape])
    found = stack[0].copy()
    agreed = np.all((stack == found) | (np.isnan(stack) & np.isnan(found)), axis=0)
    for places in _chunks(np.flatnonzero(~agreed)):  # each is compared with each
        part = stack[:, places]
        distance = np.abs(part[:, None] - part[None])
        same = (part[:, None] == part[None]) | (np.isnan(part[:, None]) & np.isnan(part[None]))
        distance = np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance))
        best = np.argmin(np.median(distance, axis=1), axis=0)
        found[places] = np.take_along_axis(part, best[None], axis=0)[0]
    return np.asarray(found.reshape(shape))


def _chunks(places: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, places.size, CHUNK):
        yield places[start : start + CHUNK]


class _Differences:
    """Differences of the function as NumPy computes it in double precision."""

    def __init__(
        self, function: Callable[..., Any], args: list[Any], places: Sequence[int]
    ) -> None:
        import array_api_compat.numpy as xp

        self.args, self.places = args, places
        self.inputs = [args[i] for i in places]
        self.compute = lambda given: float(np.real(_value(function, xp, given)))

    def loss(self, xs: list[np.ndarray]) -> np.ndarray:
        """The value at other inputs."""
        given = list(self.args)
        for i, x in zip(self.places, xs, strict=True):
            given[i] = x
        return np.asarray(self.compute(given))

    def value(self) -> float:
        """The value itself."""
        return float(self.loss(self.inputs))

    def along(self, direction: list[np.ndarray], h: float) -> tuple[float, float]:
        """The slope along a direction, and its absolute error."""
        size = np.asarray(abs(self.value()))
        slope, doubt = derivative_along(self.loss, self.inputs, direction, h, size)
        return float(slope), float(doubt)

    def decide(self, ruling: Ruling, k: int, place: tuple[int, ...]) -> None:
        """Put the derivative by one component into the ruling."""
        x = self.inputs[k - 1]
        total, doubts = 0j, 0.0
        for unit in _units(x):
            e = [np.zeros_like(z) for z in self.inputs]
            e[k - 1][place] = unit
            h = 0.1 * min(abs(x[place]), 1.0) if x[place] != 0 else 0.01
            try:
                slope, doubt = self.along(e, h)
            except NoAnswer:
                sides = [(float(self.loss([z + s * d for z, d in zip(self.inputs, e)]))
                          - self.value()) / s for s in (1e-7, -1e-7)]  # fmt: skip
                if not all(np.isfinite(sides)):
                    ruling.doubts[k][place] = np.inf
                    return
                ruling.kinks[k, place] = (sides[0], sides[1])
                slope, doubt = sum(sides) / 2, 0.0
            total, doubts = total + unit * slope, doubts + doubt
        ruling.arrays[k][place] = total if x.dtype.kind == "c" else total.real
        ruling.doubts[k][place] = doubts

    def confirms(self, arrays: list[np.ndarray]) -> bool | None:
        """Whether slopes along random directions are those of the gradients; None if unknown."""
        rng = np.random.default_rng(0)
        verdicts = []
        for _ in range(DIRECTIONS):
            direction = [np.asarray(rng.choice([-1.0, 1.0], x.shape), x.dtype) for x in self.inputs]
            expected = sum(
                float(np.sum(np.real(np.conj(g) * d)))
                for g, d in zip(arrays[1:], direction, strict=True)
            )
            sizes = np.concatenate([np.abs(x).ravel() for x in self.inputs])
            h = 0.05 * min(float(np.min(sizes[sizes > 0], initial=1.0)), 1.0)
            try:
                slope, doubt = self.along(direction, max(h, 1e-4))
            except NoAnswer:
                continue
            total = sum(float(np.sum(np.abs(g))) for g in arrays[1:])
            if 10 * doubt < 1e-2 * total:
                verdicts.append(abs(slope - expected) <= 10 * doubt + 1e-6 * total)
        return all(verdicts) if verdicts else None
