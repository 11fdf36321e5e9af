"""torch's functions as recorded operations, with torch's own derivatives: those that no function of
pluggrad answers, and `pg.interop.torch.call`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from pluggrad.errors import MutationError
from pluggrad.plugin import (
    TreeCall,
    UnsupportedError,
    break_graph,
    drawn,
    foreign_call,
    is_variable,
    label,
    rule_of,
)

from .program import TorchProgram, transforming, version_of

__all__ = ["drawing_again", "recorded", "states_of"]

#: Functions that draw random numbers, always or with some arguments.
RANDOM = {
    "alpha_dropout", "feature_alpha_dropout", "feature_dropout", "dropout", "dropout1d",
    "dropout2d", "dropout3d", "native_dropout", "rrelu", "gumbel_softmax", "multinomial", "poisson",
    "binomial", "normal", "bernoulli", "rand_like", "randn_like", "randint_like",
    "_standard_gamma", "_sample_dirichlet", "fractional_max_pool2d", "fractional_max_pool3d",
    "fractional_max_pool2d_with_indices", "fractional_max_pool3d_with_indices",
    "scaled_dot_product_attention", "multi_head_attention_forward", "lstm", "gru", "rnn_tanh",
    "rnn_relu", "svd_lowrank", "pca_lowrank", "lobpcg",
}  # fmt: skip
#: Functions that write into an argument, and with what arguments: its name, and its position.
WRITES = {
    "embedding": ("max_norm", 3), "embedding_bag": ("max_norm", 4),
    "embedding_renorm": ("max_norm", 2), "native_batch_norm": ("running_mean", 3),
    "fused_moving_avg_obs_fake_quant": ("input", 0),
}  # fmt: skip
#: Functions that update running statistics: the positions of these, and of the flag for training.
STATISTICS = {
    "torch.nn.functional.batch_norm": (1, 2, 5, False),
    "torch.nn.functional.instance_norm": (1, 2, 5, True),
}
#: Attributes of tensors, read as `torch.Tensor.T.__get__(v)`, that are functions of the values.
ATTRIBUTES = {"T", "mT", "H", "mH", "real", "imag"}

_rules: dict[str, Any] = {}
_known: dict[Any, dict[str, int]] = {}  # the parameters of functions


def recorded(
    backend: Any, func: Any, name: str, args: Any, kwargs: Any, draws: bool = False
) -> Any:
    """``func(*args, **kwargs)``, a function of torch called with Variables, as one operation. With
    `draws`, it may draw random numbers."""
    if name in ("__get__", "__set__", "__delete__"):
        attribute = func.__self__.__name__
        if name != "__get__":
            return NotImplemented
        if attribute not in ATTRIBUTES:
            return getattr(args[0], attribute)
        name = attribute
    if name in WRITES:
        _refuse_writes(func, name, args, kwargs)
    elif kwargs.get("inplace") or (
        "inplace" in _parameters(func) and _argument(func, "inplace", args, kwargs)
    ):
        place = _parameters(func).get("inplace", len(args))
        args, kwargs = args[:place], {k: x for k, x in kwargs.items() if k != "inplace"}
        x = args[0] if args else kwargs["input"]
        x[...] = recorded(backend, func, name, args, kwargs)
        return x
    out = kwargs.get("out")
    if out is not None:
        kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    tree = TreeCall(func, args, kwargs, is_variable, torch.is_tensor)
    run: Callable[[list[Any]], list[Any]] = tree
    variables = tree.arrays
    if any([torch.is_tensor(x) for x in tree.flat]):
        run = _Constants(tree, func, variables)
    if name in ("batch_norm", "instance_norm"):
        where = STATISTICS.get(label(func))
        if where is not None:
            run = _Statistics(run, tree, *where, args, kwargs)
    if name in RANDOM and (name != "scaled_dot_product_attention" or len(args) > 4 or (
        kwargs.get("dropout_p", 0.0) != 0.0
    )):  # fmt: skip
        run, variables = _Drawing.of(run, variables, tree, backend)
    elif draws and not transforming():
        run = _Redrawn(run)
    rule = _rules.get(name)
    if rule is None:
        rule = _rules[name] = rule_of(name)
    found = foreign_call(TorchProgram(run), rule, variables)
    if type(run) is _Statistics:
        run.update(variables)
    if not found and any([x._tracked for x in variables]) and _has_floats(tree.rest):
        break_graph(f"the call of {label(func)}")
    y = tree.completed(found)
    return y if out is None else _written(func, out, y)


def _parameters(func: Any) -> dict[str, int]:
    """The names of the parameters of `func`, with their positions; none where it does not tell."""
    found = _known.get(func)
    if found is None:
        try:
            found = {name: n for n, name in enumerate(inspect.signature(func).parameters)}
        except (TypeError, ValueError):
            found = {}
        _known[func] = found
    return found


def _argument(func: Any, key: str, args: Any, kwargs: Any, place: int = 0) -> Any:
    """The argument `key` of a call, None if it is not given."""
    place = _parameters(func).get(key, place)
    return args[place] if place < len(args) else kwargs.get(key)


def _refuse_writes(func: Any, name: str, args: Any, kwargs: Any) -> None:
    """Raise if the arguments ask `func` to write into one of them."""
    key, place = WRITES[name]
    value = _argument(func, key, args, kwargs, place)
    if value is not None and value is not False:
        raise UnsupportedError(
            f"{label(func)}({key}=...) writes into its argument, which does not work on Variables. "
            "Leave it out, and use what the function returns"
        )


def _has_floats(values: Sequence[Any]) -> bool:
    """Whether numbers with fractions, or arrays, are among `values`."""
    return any([isinstance(x, (float, complex)) or hasattr(x, "dtype") for x in values])


def _written(func: Any, out: Any, y: Any) -> Any:
    """`y` written into `out`, each part into its own."""
    if isinstance(out, (tuple, list)):
        return type(y)([_written(func, o, part) for o, part in zip(out, y, strict=True)])
    if is_variable(out):
        out[...] = y
        return out
    if y._tracked:
        break_graph(f"writing into a raw array, by {label(func)}(out=...),")
    return out.copy_(y.data)


class _Constants:
    """The call of a function with tensors beside Variables. They are constants, which must not have
    changed where a derivative runs the function again."""

    def __init__(self, tree: TreeCall, func: Any, variables: Sequence[Any]) -> None:
        self.tree, self.func = tree, func
        tensors = [x for x in tree.flat if torch.is_tensor(x)]
        if torch.compiler.is_compiling():
            self.versions: list[tuple[Any, int]] = []  # the compiler cannot count writes
            return
        known = not transforming() and any([x.requires_grad for x in tensors])
        if known and any([x._tracked for x in variables]):
            for x in tensors:
                # Before torch 2.12, `checkpoint` passes an empty one that requires grad.
                if x.numel():
                    variables[0]._backend.adapter.check(x)
        self.versions = [(x, version_of(x)) for x in tensors]

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        for x, version in self.versions:
            if version_of(x) != version:
                raise MutationError(
                    f"{label(self.func)} is run again for a derivative, and a tensor among its "
                    f"arguments, of shape {tuple(x.shape)}, was changed in place since. Change a "
                    "copy, or change it after the backward."
                )
        return self.tree(arrays)


class _Statistics:
    """A normalization that updates running statistics. They are updated once, in the first run;
    further runs, for derivatives, leave them alone. Results do not depend on them in training."""

    def __init__(
        self, run: Any, tree: TreeCall, mean: int, var: int, flag: int, default: bool,
        args: Any, kwargs: Any,
    ) -> None:  # fmt: skip
        names = list(_parameters(tree.f))
        bound = {**dict(zip(names, args, strict=False)), **kwargs}
        self.inner, self.tree, self.func = run, tree, tree.f
        self.stats = [bound.get(names[n]) for n in (mean, var)]
        trains = bool(bound.get(names[flag], default))
        self.pending = trains and any([x is not None for x in self.stats])
        self.again = self.pending
        self.without = dict.fromkeys([names[mean], names[var]])
        self.names = names

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        if not self.again:
            return self.inner(arrays)  # type: ignore[no-any-return]
        if self.pending and not transforming():
            self.pending = False
            return self.inner(arrays)  # type: ignore[no-any-return]
        func, names = self.func, self.names
        tree, known = self.tree, self.without

        def plain(*args: Any, **kwargs: Any) -> Any:
            bound = {**dict(zip(names, args, strict=False)), **kwargs, **known}
            return func(**bound)

        tree.f = plain
        try:
            return tree(arrays)
        finally:
            tree.f = func

    def update(self, variables: Sequence[Any]) -> None:
        """Update the statistics, if no run has done it: those of forward mode are transforms."""
        if self.pending:
            self.pending = False
            with torch.no_grad():
                self.inner([x.detach().data for x in variables])


class _Drawing:
    """The run of a function that draws random numbers: each further run draws the same again."""

    def __init__(self, run: Any, count: int, generators: list[Any]) -> None:
        self.run, self.count = run, count
        self.generators = generators
        self.states: list[Any] | None = None

    @classmethod
    def of(cls, run: Any, variables: list[Any], tree: TreeCall, backend: Any) -> Any:
        """The run, and its Variables. Where `vmap` draws separately for each element, one Variable
        more is mapped, so that each element has a call of its own."""
        dummy = drawn(lambda sizes: torch.zeros(sizes), backend)
        generators = [x for x in tree.flat if isinstance(x, torch.Generator)]
        made = cls(run, len(variables), generators)
        return made, [*variables, dummy]

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        arrays = arrays[: self.count]
        if self.states is None:
            self.states = states_of(self.generators)
            return self.run(arrays)  # type: ignore[no-any-return]
        with drawing_again(self.states, self.generators):
            return self.run(arrays)  # type: ignore[no-any-return]


class _Redrawn:
    """The run of a function that may draw random numbers: each further run draws the same again."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.states: list[Any] | None = None

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        if self.states is None:
            self.states = states_of()
            return self.run(arrays)  # type: ignore[no-any-return]
        with drawing_again(self.states):
            return self.run(arrays)  # type: ignore[no-any-return]


def states_of(generators: Sequence[Any] = ()) -> list[Any]:
    """The states of torch's global generators and of `generators`."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), cuda, *[g.get_state() for g in generators]]


def _restore(states: Sequence[Any], generators: Sequence[Any]) -> None:
    """Go back to what `states_of` returned."""
    torch.set_rng_state(states[0])
    if states[1]:
        torch.cuda.set_rng_state_all(states[1])
    for g, state in zip(generators, states[2:], strict=True):
        g.set_state(state)


@contextmanager
def drawing_again(states: Sequence[Any], generators: Sequence[Any] = ()) -> Any:
    """A block that draws from the generators as they were, and leaves them as they are."""
    now = states_of(generators)
    _restore(states, generators)
    try:
        yield
    finally:
        _restore(now, generators)
