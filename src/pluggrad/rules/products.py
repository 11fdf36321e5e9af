"""Products of arrays. All are bilinear but `vecdot`, which conjugates its first argument."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.lazy_cotangents import fit
from ..errors import InvalidArgumentError
from .kinds import bilinear, general
from .manipulation import inverse, shape_of


def column(x: Any) -> Any:
    """`x` as columns: with a last axis of length 1."""
    return xp.expand_dims(x, axis=-1)


def row(x: Any) -> Any:
    """`x` as rows: with an axis of length 1 before the last."""
    return xp.expand_dims(x, axis=-2)


def matmul_x1(g: Any, x2: Any, like1: Any) -> Any:
    """g_x1 = g x2ᵀ. A vector x1 stands for a row, a vector x2 for a column."""
    if x2.ndim == 1:
        return (column(g) if len(shape_of(like1)) > 1 else g) * x2
    if len(shape_of(like1)) > 1:
        return g @ xp.matrix_transpose(x2)
    return x2 @ g if x2.ndim == 2 else (x2 @ column(g))[..., 0]


def matmul_x2(g: Any, x1: Any, like2: Any) -> Any:
    """g_x2 = x1ᵀ g. A vector x1 stands for a row, a vector x2 for a column."""
    if x1.ndim == 1:
        return column(x1) * row(g) if len(shape_of(like2)) > 1 else x1 * g
    if len(shape_of(like2)) > 1:
        return xp.matrix_transpose(x1) @ g
    if x1.ndim == 2:
        return g @ x1
    return (xp.matrix_transpose(x1) @ column(g))[..., 0]


def contracted(axes: Any, ndim1: int, ndim2: int) -> tuple[list[int], list[int]]:
    """The axes of the first and of the second array that `tensordot` sums over."""
    if isinstance(axes, int):
        return list(range(ndim1 - axes, ndim1)), list(range(axes))
    axes1, axes2 = [[a] if isinstance(a, int) else list(a) for a in axes]
    return [a % ndim1 for a in axes1], [a % ndim2 for a in axes2]


def check_axes(args: Any, kwargs: Any) -> None:
    """Raise if the number `axes` is out of range: NumPy takes a negative one for 0."""
    axes = kwargs.get("axes", 2)
    if isinstance(axes, int) and not 0 <= axes <= min([getattr(x, "ndim", 0) for x in args]):
        raise InvalidArgumentError(
            f"tensordot: the last {axes} axes and the first {axes} of arrays of "
            f"{' and '.join([str(getattr(x, 'ndim', 0)) for x in args])} axes"
        )


def others(ndim: int, axes: list[int]) -> list[int]:
    """The axes that are not among `axes`."""
    return [n for n in range(ndim) if n not in axes]


def tensordot_x1(g: Any, x2: Any, like1: Any, axes: Any) -> Any:
    """g_x1: `g` and x2 contracted over the axes that x2 keeps, in the axis order of x1."""
    ndim1 = len(shape_of(like1))
    axes1, axes2 = contracted(axes, ndim1, x2.ndim)
    free1, free2 = others(ndim1, axes1), others(x2.ndim, axes2)
    found = xp.tensordot(g, x2, axes=(tuple(range(len(free1), g.ndim)), tuple(free2)))
    order = free1 + [axes1[k] for k in sorted(range(len(axes2)), key=lambda k: axes2[k])]
    return xp.permute_dims(found, inverse(order))


def tensordot_x2(g: Any, x1: Any, like2: Any, axes: Any) -> Any:
    """g_x2: x1 and `g` contracted over the axes that x1 keeps, in the axis order of x2."""
    ndim2 = len(shape_of(like2))
    axes1, axes2 = contracted(axes, x1.ndim, ndim2)
    free1, free2 = others(x1.ndim, axes1), others(ndim2, axes2)
    found = xp.tensordot(x1, g, axes=(tuple(free1), tuple(range(len(free1)))))
    order = [axes2[k] for k in sorted(range(len(axes1)), key=lambda k: axes1[k])] + free2
    return xp.permute_dims(found, inverse(order))


def conjugated(x: Any) -> Any:
    """The complex conjugate, by `conj` even for real `x`."""
    return xp.conj(x)


# fmt: off
bilinear("matmul(x1, x2, /)", matmul_x1, matmul_x2, contracts=True)
bilinear("tensordot(x1, x2, /, *, axes=2)", tensordot_x1, tensordot_x2, contracts=True,
         check=check_axes)
general("vecdot(x1, x2, /, *, axis=-1)",
        lambda g, x2, axis, like1: fit(conjugated(xp.expand_dims(g, axis=axis)) * x2, like1),
        lambda g, x1, axis, like2: fit(xp.expand_dims(g, axis=axis) * x1, like2),
        jvp=lambda t1, t2, x1, x2, axis: (xp.vecdot(t1, x2, axis=axis)
                                          + xp.vecdot(x1, t2, axis=axis)))
# fmt: on


@composite(own=True)
def outer(x1: Any, x2: Any, /) -> Any:
    """The product of each element of `x1` with each element of `x2`."""
    return column(xp.reshape(x1, (-1,))) * xp.reshape(x2, (-1,))


@composite(own=True)
def dot(x1: Any, x2: Any, /) -> Any:
    """NumPy's `dot`: summed over the last axis of `x1` and the last but one of `x2`, never
    conjugated."""
    if not getattr(x1, "ndim", 0) or not getattr(x2, "ndim", 0):
        return x1 * x2
    return xp.tensordot(x1, x2, axes=((x1.ndim - 1,), (max(x2.ndim - 2, 0),)))


@composite(own=True)
def kron(x1: Any, x2: Any, /) -> Any:
    """The Kronecker product: a block of `x2` for each element of `x1`."""
    ndim = max(x1.ndim, x2.ndim)
    shape1 = (1,) * (ndim - x1.ndim) + tuple(x1.shape)
    shape2 = (1,) * (ndim - x2.ndim) + tuple(x2.shape)
    left = [n for length in shape1 for n in (length, 1)]
    right = [n for length in shape2 for n in (1, length)]
    blocks = xp.reshape(x1, tuple(left)) * xp.reshape(x2, tuple(right))
    return xp.reshape(blocks, tuple([a * b for a, b in zip(shape1, shape2, strict=True)]))


# ---------------------------------------------------------------- einsum


@composite(own=True)
def einsum(subscripts: str, /, *operands: Any) -> Any:
    """Sums of products, written as NumPy's `einsum` with a string of subscripts.

    The operands are contracted two at a time, each pair by one matrix product, in the order with
    the fewest multiplications. While more than four operands remain, the cheapest pair comes next.
    """
    terms, output = _parse(subscripts, operands)
    arrays = list(operands)
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


def _parse(subscripts: str, operands: Any) -> tuple[list[str], str]:
    """The letters of each operand's axes, and those of the output's. Greek capitals stand for the
    axes of an ellipsis."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = list(inputs.split(","))
    letters = "".join(terms).replace("...", "") + output.replace("...", "")
    if letters and not (letters.isascii() and letters.isalpha()):
        raise InvalidArgumentError(f"einsum: {subscripts!r} has subscripts that are no letters")
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
        output = output.replace("...", longest)
    else:
        letters = "".join(terms)
        once = {c for c in letters if letters.count(c) == 1 and c < "\x80"}
        output = longest + "".join(sorted(once))
    unknown = set(output) - set("".join(terms))
    if unknown or len(set(output)) < len(output):
        raise InvalidArgumentError(
            f"einsum: the output {output!r} of {subscripts!r} has letters of no input"
        )
    return terms, output


def _reduced(x: Any, term: str, needed: set[str]) -> tuple[Any, str]:
    """`x` with repeated letters reduced to their diagonal, and with letters that are not `needed`
    summed over."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            first, second = term.index(c), term.rindex(c)
            order = [n for n in range(len(term)) if n not in (first, second)] + [first, second]
            x = xp.linalg.diagonal(xp.permute_dims(x, tuple(order)))
            term = "".join([term[n] for n in order[:-1]])
    gone = tuple([n for n, c in enumerate(term) if c not in needed])
    if gone:
        x = xp.sum(x, axis=gone)
        term = "".join([c for c in term if c in needed])
    return x, term


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
            sizes[c] = max(n, sizes.get(c, n)) if n and sizes.get(c, n) else 0
    return sizes


def _count(sizes: dict[str, int], letters: list[str]) -> int:
    """The product of the lengths of `letters`."""
    count = 1
    for c in letters:
        count *= sizes[c]
    return count
