"""Gradients in two phases, where a reduction over all blocks stands between the blocks and their
gradients.

The derivative of ``log(mean(exp(z)))`` needs the mean before it can begin, and the blocks of
``exp(z)`` again after it. Dask keeps all of them until then. In two phases it computes the mean,
lets the blocks go, and computes them once more.
"""

from __future__ import annotations

import warnings
from typing import Any

import optree

from pluggrad import Variable
from pluggrad.plugin import TypeMismatchError, UnsupportedError, is_variable


def in_two_phases(*collections: Any) -> Any:
    """The same arrays with graphs that compute blocks twice rather than keep them.

    Parameters
    ----------
    *collections : Dask arrays, Variables over Dask arrays, or pytrees of these
        What you are about to compute together: a gradient, or a value and its gradients.

    Returns
    -------
    As `collections`: one, or a tuple if there are several. Values are equal to the last bit; what
    needs no second phase stays as it is. Variables come back untracked.

    Blocks are computed again from where their graphs begin, except for what is already in memory
    (persisted arrays) and the small results in the middle. So all random numbers must come from
    seeds, as those of `dask.array.random` do.

    >>> import dask.array as da, pluggrad as pg
    >>> x = da.random.default_rng(0).normal(size=(1000, 5), chunks=(100, 5))
    >>> loss = lambda w: pg.log(pg.mean(pg.exp(pg.matmul(x, w))))
    >>> g = pg.grad(loss)(da.ones(5, chunks=5))
    >>> again = pg.interop.dask.in_two_phases(g)
    >>> bool((again == g).all().compute())
    True
    """
    tree: Any = collections
    leaves: list[Any]
    leaves, spec = optree.tree_flatten(tree)
    places = [n for n, x in enumerate(leaves) if hasattr(x, "dtype")]
    raw = [_array_of(leaves[n]) for n in places]
    for n, y, changed in zip(places, raw, _in_phases(raw), strict=True):
        if changed is not y:
            leaves[n] = Variable(changed) if is_variable(leaves[n]) else changed
    made: Any = optree.tree_unflatten(spec, leaves)
    return made[0] if len(made) == 1 else made


def _array_of(x: Any) -> Any:
    """The Dask array at the bottom of `x`."""
    while is_variable(x):
        x = x.data
    if not hasattr(x, "dask"):
        raise TypeMismatchError(f"in_two_phases takes Dask arrays, not {type(x).__name__}")
    return x


def _in_phases(arrays: list[Any]) -> list[Any]:
    """The arrays, whose graphs are one afterwards. Phase 1 is what they are computed by now; each
    later one is a copy of the tasks of many chunks, which waits for the barriers before."""
    from dask.array.optimization import optimize
    from dask.highlevelgraph import HighLevelGraph

    try:
        from dask._task_spec import Alias, convert_legacy_graph
    except ImportError:
        raise UnsupportedError("in_two_phases needs Dask 2025.1 or newer") from None
    graph = HighLevelGraph.merge(*[y.__dask_graph__() for y in arrays])
    phase_of_layer, own = phases(graph)
    if max([p for n, p in own.items()], default=1) < 2:
        return arrays
    # Tasks are merged first, but for those of one chunk, which are computed once and for all.
    phase_of = {key: p for n, p in own.items() for key in graph.layers[n].get_output_keys()}
    final = [key for y in arrays for key in _flat(y.__dask_keys__())]
    tasks = convert_legacy_graph(dict(optimize(graph, [*final, *phase_of])))
    last = {key: phase_of.get(key, phase_of_layer[key[0]]) for key in final}
    made = _Copies(tasks, phase_of).of(last)
    base, found = f"in-phases-{_token(final)}", []
    for y in arrays:
        # A layer of its own, with the name of the array, as Dask's optimizations want it.
        name = f"{y.name}-{base}"
        ends: Any = {}
        for key in _flat(y.__dask_keys__()):
            p = last[key]
            ends[name, *key[1:]] = Alias((name, *key[1:]), (_renamed(key[0], p), *key[1:]))
        whole = HighLevelGraph({base: made, name: ends}, {base: set(), name: {base}})
        found.append(type(y)(whole, name, y.chunks, meta=y._meta))
    return found


def _flat(keys: Any) -> list[Any]:
    """The keys of nested lists of keys."""
    return [k for part in keys for k in _flat(part)] if isinstance(keys, list) else [keys]


def _renamed(name: str, phase: int) -> str:
    return name if phase == 1 else f"{name}-phase-{phase}"


def phases(graph: Any) -> tuple[dict[str, int], dict[str, int]]:
    """For each layer, the phase in which it can be computed if nothing is kept, and the same for
    those alone that are computed once: of one chunk, but made of many.

    A barrier is such a layer of one chunk that tasks of many chunks need, together with some of the
    chunks that the barrier itself is made of. What waits for a barrier belongs to the next phase.
    """
    layers, needs = graph.layers, graph.dependencies
    order = graph._toposort_layers()
    wide = {n for n in order if len(layers[n].get_output_keys()) > 1 and not _holds(layers[n])}
    blocks: dict[str, set[str]] = {}  # for each layer: itself and what it depends on, if wide
    waits: dict[str, set[str]] = {}  # for each layer: those of one chunk that it waits for
    barriers: set[str] = set()
    for n in order:
        blocks[n] = set().union({n} & wide, *[blocks[d] for d in needs[n]])
        waits[n] = set().union(*[waits[d] for d in needs[n]])
        if n in wide:
            for d in needs[n] & wide:
                for b in needs[n] - {d}:
                    barriers |= {w for w in waits[b] - waits[d] if blocks[w] & blocks[d]}
        elif blocks[n]:
            waits[n] = waits[n] | {n}
    barriers &= {d for n in wide for d in needs[n]}  # of narrow ones in a row, the last
    found: dict[str, int] = {}
    for n in order:
        found[n] = 1 + max([found[w] for w in (waits[n] - {n}) & barriers], default=0)
    return found, {n: found[n] for n in order if blocks[n] and n not in wide}


def _holds(layer: Any) -> bool:
    """Whether the tasks of a layer are values, or results that workers hold: they are in memory."""
    from dask.blockwise import Blockwise

    return not isinstance(layer, Blockwise) and not any(map(_calls, dict(layer).values()))


def _calls(task: Any) -> bool:
    """Whether a task computes something."""
    return hasattr(task, "func") or (isinstance(task, tuple) and bool(task) and callable(task[0]))


class _Copies:
    """Copies of `tasks` for later phases. Those in `phase_of` are computed once, in that phase."""

    def __init__(self, tasks: dict[Any, Any], phase_of: dict[Any, int]) -> None:
        self.tasks, self.phase_of = tasks, phase_of
        self.made: dict[Any, Any] = {}
        #: What is in memory.
        self.shared = {k for k, task in tasks.items() if not (_calls(task) or task.dependencies)}

    def of(self, last: dict[Any, int]) -> dict[Any, Any]:
        """The graph in which each key of `last` is computed in its phase."""
        ends: dict[int, list[Any]] = {}
        for key, p in self.phase_of.items():
            ends.setdefault(p, []).append(self.name(key, p))
        left = list(last.items())
        while left:
            key, p = left.pop()
            p = self.phase_of.get(key, p)
            name = self.name(key, p)
            if name in self.made:
                continue
            task = self.tasks[key]
            needed = {d: self.name(d, p) for d in task.dependencies}
            changed = {d: n for d, n in needed.items() if d != n}
            copy = task.substitute(changed, key=name) if changed or name != key else task
            if p > 1 and _calls(task) and not any(
                n != d and d not in self.phase_of for d, n in needed.items()
            ):  # fmt: skip
                copy = self.waiting(copy, p, ends[p - 1])
            self.made[name] = copy
            left += [(d, p) for d in task.dependencies]
        return self.made

    def name(self, key: Any, phase: int) -> Any:
        """The key of the copy of the task `key` in a phase."""
        phase = self.phase_of.get(key, phase)
        if phase == 1 or key in self.shared:
            return key
        if isinstance(key, tuple):
            return (_renamed(key[0], phase), *key[1:])
        return _renamed(key, phase)

    def waiting(self, task: Any, phase: int, ends: list[Any]) -> Any:
        """`task`, begun only when the phase before has come to its `ends`."""
        from dask._task_spec import List, Task, TaskRef

        gate = f"gate-{phase}-{_token(ends)}"
        if gate not in self.made:
            self.made[gate] = Task(gate, _ended, List(*[TaskRef(end) for end in ends]))
        return Task(task.key, _After(task.func), TaskRef(gate), *task.args, **task.kwargs)


def _token(ends: Any) -> str:
    from dask.base import tokenize

    return str(tokenize(ends))


def _ended(ends: Any) -> bool:
    """The task that all of the next phase waits for."""
    return True


class _After:
    """A function that is called once its first argument is there, and does not look at it."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, gate: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The result of the function."""
        return self.function(*args, **kwargs)


#: From how many bytes on, held between the two phases, there is a warning.
LARGE = 2**30


def advise(g: Any, to: Any) -> None:
    """Warn if the cotangent `g`, which depends on all of `to`, is spread over `to`, and `to` is
    large: all of its blocks wait until `g` is there. Not so if they are in memory anyway."""
    import dask

    limit = dask.config.get("pluggrad.two-phases-warning", LARGE)
    size = to.nbytes
    if size == size and size > limit and to.name in g.dask.layers:
        if not to.dask.dependencies[to.name] and _holds(to.dask.layers[to.name]):
            return
        warnings.warn(
            f"this gradient needs {size / 2**30:.1f} GiB of blocks ({to.name}) twice: before and "
            "after a reduction over all of them, and Dask keeps them in between. "
            "`pluggrad.interop.dask.in_two_phases(gradient)` computes them twice instead. "
            "(`dask.config.set({'pluggrad.two-phases-warning': math.inf})` silences this.)",
            stacklevel=2,
        )
