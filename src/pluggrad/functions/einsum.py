"""`einsum`: sums of products of arrays, as subscripts spell them."""

from __future__ import annotations

import math
import string
from itertools import combinations
from typing import Any

import numpy

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import shortened
from ..errors import InvalidArgumentError, TypeMismatchError
from .operands import as_arrays, converted, differ

#: The letters that stand for the numbers of subscripts given as lists.
LETTERS = string.ascii_uppercase + string.ascii_lowercase


@composite(own=True)
def einsum(
    *operands: Any,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Any:
    """Sums of products of arrays, as subscripts spell them.

    Each letter names an axis. Axes of one letter are multiplied with each other, and summed over if
    the output has not the letter. A letter twice in one term takes the diagonal. An ellipsis stands
    for the axes that have no letter, which broadcast. Without `->`, the output has the letters that
    occur once, in alphabetical order. The operands are contracted two at a time, each pair by one
    matrix product, in the order with the fewest multiplications. (While more than four remain, the
    cheapest pair comes next.)

    Parameters
    ----------
    operands : str, then arrays
        Such as ``"ij,j->i"`` and two arrays. Or each array is followed by its subscripts as a list
        of integers, and the last list is that of the output: ``einsum(x, [0, 1], v, [1], [0])``.
    optimize : bool, str or list, default False
        Accepted as NumPy has it. The order is always optimised. As in NumPy, the axes of an
        ellipsis that the output lacks are summed over if it is given, and refused otherwise.
    dtype : optional
        What the operands are converted to before. NumPy ignores it for one operand of which
        nothing is summed, and so does this function.
    order : str, default 'K'
        Accepted as NumPy has it. It is about the result's place in memory only.
    casting : str, default 'safe'
        Which conversions to `dtype` are allowed: 'no', 'equiv', 'safe', 'same_kind' or 'unsafe'.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.einsum("ij,j->i", v, [1, 10]).tolist()
    [21.0, 43.0]
    >>> pg.einsum(v, [0, 0], []).item()
    5.0
    """
    subscripts, arrays = _read(operands, "einsum")
    _check_optimize(optimize, "einsum")
    arrays = as_arrays("einsum", *arrays)
    if order not in ("C", "F", "A", "K", None):
        raise InvalidArgumentError(f"einsum: order is 'C', 'F', 'A' or 'K', not {order!r}")
    terms, output = _parse(subscripts, arrays, drops=bool(optimize))
    _sizes(terms, arrays)
    if len(arrays) > 1 or set(terms[0]) - set(output):
        arrays = _in_one_dtype(arrays, dtype, casting)
    for number, x in enumerate(arrays):
        needed = set(output).union(*terms[:number], *terms[number + 1 :])
        arrays[number], terms[number] = _reduced(x, terms[number], needed)
    for first, second in _order(terms, output, _sizes(terms, arrays))[1]:
        x2, term2 = arrays.pop(second), terms.pop(second)
        x1, term1 = arrays.pop(first), terms.pop(first)
        x, term = _contract(x1, term1, x2, term2, set(output).union(*terms))
        arrays.append(x)
        terms.append(term)
    x, term = _reduced(arrays[0], terms[0], set(output))
    return xp.permute_dims(x, tuple([term.index(c) for c in output])) if term != output else x


@composite(own=True)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """The order in which NumPy's `einsum` would contract the operands, and a table about it.

    Only the shapes of the operands matter. `pluggrad.einsum` finds an order of its own.

    Parameters
    ----------
    operands : str, then arrays
        As for `einsum`.
    optimize : bool, str or list, default 'greedy'
        How the order is found: True, False, 'greedy' or 'optimal'.
    einsum_call : bool, default False
        Must be False, because True is for NumPy's own use.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.ones((2, 3)))
    >>> pg.einsum_path("ij,jk,k->i", v, np.ones((3, 4)), np.ones(4))[0]
    ['einsum_path', (1, 2), (0, 1)]
    """
    if einsum_call:
        raise InvalidArgumentError("einsum_path: einsum_call=True is for NumPy's own use")
    _check_optimize(optimize, "einsum_path")
    subscripts, arrays = _read(operands, "einsum_path")
    arrays = as_arrays("einsum_path", *arrays)
    _sizes(_parse(subscripts, arrays)[0], arrays)
    stand_ins = [numpy.broadcast_to(0.0, tuple(x.shape)) for x in arrays]
    return numpy.einsum_path(subscripts, *stand_ins, optimize=optimize)


def _in_one_dtype(arrays: list[Any], dtype: Any, casting: str) -> list[Any]:
    """The operands in `dtype`, or in the dtype that all fit in."""
    if dtype is None and casting == "safe" and len({x.dtype for x in arrays}) == 1:
        return arrays
    if casting not in ("no", "equiv", "safe", "same_kind", "unsafe"):
        raise InvalidArgumentError(f"einsum: there is no casting={casting!r}")
    backend = backend_of(arrays[0])
    assert backend is not None
    if dtype is None:
        dtype = backend.namespace.result_type(*arrays)
    if casting == "unsafe":
        return [xp.astype(x, dtype) for x in arrays]
    found = [converted("einsum", x, dtype, safely=casting == "safe") for x in arrays]
    if casting in ("no", "equiv") and any(x.dtype != found[0].dtype for x in arrays):
        raise TypeMismatchError(f"einsum: casting={casting!r} allows no conversion to {dtype}")
    return found


def _check_optimize(optimize: Any, where: str) -> None:
    """Raise if `optimize` is nothing that NumPy takes."""
    if isinstance(optimize, (list, tuple)):
        if optimize and (optimize[0] == "einsum_path" or len(optimize) == 2):
            return
    elif optimize in (True, False, None, "greedy", "optimal"):
        return
    raise InvalidArgumentError(
        f"{where}: optimize is True, False, 'greedy', 'optimal' or a path of `einsum_path`, not "
        f"{shortened(optimize)}"
    )


def _read(operands: Any, where: str) -> tuple[str, list[Any]]:
    """The subscripts as one string, and the arrays."""
    if operands and isinstance(operands[0], str):
        return operands[0], list(operands[1:])
    if len(operands) < 2:
        raise InvalidArgumentError(
            f"{where} takes subscripts such as 'ij,j->i', then the arrays; or each array followed "
            "by its subscripts as a list of integers"
        )
    pairs = len(operands) // 2
    subscripts = ",".join([_spelled(operands[2 * n + 1], where) for n in range(pairs)])
    if len(operands) % 2:
        subscripts += "->" + _spelled(operands[-1], where)
    return subscripts, [operands[2 * n] for n in range(pairs)]


def _spelled(numbers: Any, where: str) -> str:
    """A list of subscripts, integers and at most one Ellipsis, as letters."""
    if not isinstance(numbers, (list, tuple)):
        raise TypeMismatchError(
            f"{where}: the subscripts of an array are a list of integers, not {shortened(numbers)}"
        )
    found = ""
    for n in numbers:
        if n is not Ellipsis and (isinstance(n, bool) or not isinstance(n, (int, numpy.integer))):
            raise TypeMismatchError(
                f"{where}: a subscript in a list is an integer or an Ellipsis, not {shortened(n)}"
            )
        if n is not Ellipsis and not 0 <= n < len(LETTERS):
            raise InvalidArgumentError(
                f"{where}: a subscript in a list is at least 0 and less than {len(LETTERS)}, and "
                f"{n} was given"
            )
        found += "..." if n is Ellipsis else LETTERS[n]
    return found


def _parse(subscripts: str, operands: Any, *, drops: bool = False) -> tuple[list[str], str]:
    """The letters of each operand's axes, and those of the output's. Greek capitals stand for the
    axes of an ellipsis. With `drops`, they are summed over if the output has no ellipsis: NumPy
    does so if it optimises, and refuses it otherwise."""
    inputs, arrow, output = [part.replace(" ", "") for part in subscripts.partition("->")]
    terms = list(inputs.split(","))
    for term in (*terms, output):
        letters = term.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise InvalidArgumentError(
                f"einsum: {subscripts!r} has something other than letters, spaces, commas, one "
                "'->' and one '...' for each operand"
            )
    if len(terms) != len(operands):
        raise InvalidArgumentError(
            f"einsum: {len(terms)} terms in {subscripts!r}, {len(operands)} operands"
        )
    longest = ""
    for number, (term, x) in enumerate(zip(terms, operands, strict=True)):
        count = x.ndim - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term):
            raise InvalidArgumentError(f"einsum: {term!r} does not fit an operand of {x.ndim} axes")
        dots = "".join([chr(0x391 + n) for n in range(count)][::-1])
        longest = max(longest, dots, key=len)
        terms[number] = term.replace("...", dots)
    if arrow:
        if longest and "..." not in output and not drops:
            raise InvalidArgumentError(
                f"einsum: the output of {subscripts!r} needs '...' for the axes that have no letter"
            )
        output = output.replace("...", longest)
    else:
        letters = "".join(terms)
        once = {c for c in letters if letters.count(c) == 1 and c < "\x80"}
        output = longest + "".join(sorted(once))
    unknown = set(output) - set("".join(terms))
    if unknown or len(set(output)) < len(output):
        raise InvalidArgumentError(
            f"einsum: the output of {subscripts!r} has a letter of no input, or one twice"
        )
    return terms, output


def _reduced(x: Any, term: str, needed: set[str]) -> tuple[Any, str]:
    """`x` with repeated letters reduced to their diagonal, and with letters that are not `needed`
    summed over."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            first, second = term.index(c), term.rindex(c)
            if differ(x.shape[first], x.shape[second]):
                raise InvalidArgumentError(
                    f"einsum: one letter stands for axes of {x.shape[first]} and "
                    f"{x.shape[second]} elements of one operand, of shape {tuple(x.shape)}"
                )
            order = [n for n in range(len(term)) if n not in (first, second)] + [first, second]
            x = xp.linalg.diagonal(xp.permute_dims(x, tuple(order)))
            term = "".join([term[n] for n in order[:-1]])
    gone = tuple([n for n, c in enumerate(term) if c not in needed])
    if gone:
        x = _summed(x, gone)
        term = "".join([c for c in term if c in needed])
    return x, term


def _summed(x: Any, axes: tuple[int, ...]) -> Any:
    """The sum over `axes` in the dtype of `x`: `sum` itself makes larger integers of small ones."""
    backend = backend_of(x)
    assert backend is not None
    if x.dtype in backend.float_dtypes:
        return xp.sum(x, axis=axes)
    if x.dtype == backend.xp.bool:
        return xp.any(x, axis=axes)
    return xp.sum(x, axis=axes, dtype=x.dtype)


def _order(
    terms: list[str], output: str, sizes: dict[str, Any]
) -> tuple[float, list[tuple[int, int]]]:
    """The number of multiplications that contracting `terms` takes, and the pairs to contract, in
    order. A pair gives places in the list of terms; its result goes to the end of the list."""
    steps = []
    for first, second in combinations(range(len(terms)), 2):
        others = [term for n, term in enumerate(terms) if n not in (first, second)]
        letters = dict.fromkeys(terms[first] + terms[second])
        needed = set(output).union(*others)
        others.append("".join([c for c in letters if c in needed]))
        steps.append((math.prod([sizes[c] for c in letters]), (first, second), others))
    if len(terms) > 4:  # there are too many orders to try them all
        steps = [min(steps, key=lambda step: step[0])]
    best: tuple[float, list[tuple[int, int]]] = (0, [])
    for cost, pair, others in steps:
        more, pairs = _order(others, output, sizes)
        if not best[1] or cost + more < best[0]:
            best = cost + more, [pair, *pairs]
    return best


def _contract(x1: Any, term1: str, x2: Any, term2: str, needed: set[str]) -> tuple[Any, str]:
    """The product of two operands, summed over those common letters that are not `needed`."""
    both = [c for c in term1 if c in term2]
    batch = [c for c in both if c in needed]
    inner = [c for c in both if c not in needed]
    free1 = [c for c in term1 if c not in both]
    free2 = [c for c in term2 if c not in both]
    sizes = _sizes([term1, term2], [x1, x2])
    lengths1 = dict(zip(term1, x1.shape, strict=True))
    lengths2 = dict(zip(term2, x2.shape, strict=True))
    # An axis of length 1 is broadcast against a longer one of the same letter.
    x1 = xp.broadcast_to(x1, tuple([sizes[c] if c in inner else lengths1[c] for c in term1]))
    x2 = xp.broadcast_to(x2, tuple([sizes[c] if c in inner else lengths2[c] for c in term2]))
    x1 = xp.permute_dims(x1, tuple([term1.index(c) for c in batch + free1 + inner]))
    x2 = xp.permute_dims(x2, tuple([term2.index(c) for c in batch + inner + free2]))
    count = _count(sizes, inner)
    x1 = xp.reshape(x1, (*[lengths1[c] for c in batch], _count(sizes, free1), count))
    x2 = xp.reshape(x2, (*[lengths2[c] for c in batch], count, _count(sizes, free2)))
    letters = batch + free1 + free2
    return xp.reshape(xp.matmul(x1, x2), tuple([sizes[c] for c in letters])), "".join(letters)


def _sizes(terms: list[str], arrays: list[Any]) -> dict[str, int]:
    """The length of the axis of each letter, after axes of length 1 are broadcast."""
    sizes: dict[str, int] = {}
    for term, x in zip(terms, arrays, strict=True):
        for c, n in zip(term, x.shape, strict=True):
            if 1 not in (n, sizes.get(c, n)) and differ(n, sizes.get(c, n)):
                shapes = ", ".join([str(tuple(x.shape)) for x in arrays])
                raise InvalidArgumentError(
                    f"einsum: the arrays of shapes {shapes} "
                    f"have {sizes[c]} and {n} elements along axes of one letter"
                )
            sizes[c] = max(n, sizes.get(c, n)) if n and sizes.get(c, n) else 0
    return sizes


def _count(sizes: dict[str, int], letters: list[str]) -> int:
    """The product of the lengths of `letters`."""
    count = 1
    for c in letters:
        count *= sizes[c]
    return count
