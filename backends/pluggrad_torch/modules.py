"""Modules of torch as functions of Variables, and torch's optimizers over Variables:
`pg.interop.torch.module` and `pg.interop.torch.optimizer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

import pluggrad as pg
from pluggrad.plugin import InvalidArgumentError, TypeMismatchError, explain, is_variable

from .calling import call

__all__ = ["Module", "Optimizer", "module", "optimizer"]


def module(m: Any) -> Module:
    """A `torch.nn.Module` as a function of its parameters and its inputs, with the parameters as
    Variables.

    ``f = module(m)`` has the parameters of `m` as Variables, in the dict ``f.parameters``, and
    ``f(f.parameters, *inputs)`` is what `m` returns for them, recorded by pluggrad as one
    operation. Its derivative is torch's own, of every order and in every transform.

    Parameters
    ----------
    m : torch.nn.Module
        The module. Frozen parameters become Variables that do not require grad, and a parameter
        with several names (tied weights) becomes one Variable.

    Returns
    -------
    Module
        Call it with a mapping of names to Variables or tensors, and then with what `m` takes.
        Parameters that the mapping lacks are those of `m`, as constants. Buffers are those of `m`:
        running statistics are updated once in each call, in training. ``f.state_dict()``,
        ``f.load_state_dict(...)``, ``f.train()`` and ``f.eval()`` are as those of `m`.

    Raises
    ------
    TypeError
        `m` is no module.
    ValueError
        When called: `m` has no parameter of that name, or one of another shape.

    >>> import pluggrad as pg, torch
    >>> f = pg.interop.torch.module(torch.nn.Linear(3, 1))
    >>> y = f(f.parameters, torch.ones(2, 3))
    >>> pg.sum(y).backward()
    >>> f.parameters["weight"].grad.data
    tensor([[2., 2., 2.]])
    """
    if not isinstance(m, torch.nn.Module):
        raise TypeMismatchError(
            f"interop.torch.module takes a torch.nn.Module, not {type(m).__name__}; "
            "`pluggrad.interop.torch.call(f)` takes any function"
        )
    return Module(m)


class Module:
    """What `module` returns: the `parameters`, and a call ``f(parameters, *inputs)``."""

    def __init__(self, m: Any) -> None:
        self.module = m
        known: dict[int, Any] = {}
        #: The Variables by name. Several names of one parameter have the same Variable.
        self.parameters: dict[str, Any] = {}
        for name, p in m.named_parameters(remove_duplicate=False):
            if id(p) not in known:
                known[id(p)] = pg.Variable(p.detach().clone(), requires_grad=p.requires_grad)
            self.parameters[name] = known[id(p)]
        self._call = call(_Functional(m))

    def __call__(self, parameters: Mapping[str, Any], /, *args: Any, **kwargs: Any) -> Any:
        """What the module returns for these parameters and inputs."""
        if not isinstance(parameters, Mapping):
            raise TypeMismatchError(
                "a function of interop.torch.module takes the parameters first, as a dict by name "
                f"(such as `f.parameters`), not {type(parameters).__name__}"
            )
        for name, x in parameters.items():
            self._check(name, x)
        # Each Variable once: with several names, its gradients would be added up several times.
        given = {id(x): (name, x) for name, x in reversed(list(parameters.items()))}
        return self._call(dict(given.values()), *args, **kwargs)

    def _check(self, name: str, x: Any) -> None:
        """Raise unless `x` can be the parameter `name`."""
        where = f"interop.torch.module of {type(self.module).__name__}"
        own = self.parameters.get(name)
        if own is None:
            raise InvalidArgumentError(
                f"{where}: there is no parameter {name!r}, only "
                f"{', '.join(self.parameters) or 'none'}"
            )
        if not hasattr(x, "dtype") or not hasattr(x, "shape"):
            raise TypeMismatchError(
                f"{where}: the parameter {name!r} is a Variable, not {type(x).__name__}"
            )
        if tuple(x.shape) != tuple(own.shape):
            raise InvalidArgumentError(
                f"{where}: the parameter {name!r} has the shape {tuple(own.shape)}, and "
                f"{tuple(x.shape)} was given"
            )

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The state dict of the module, as tensors, once it has the values of `parameters`."""
        self.write_back()
        return self.module.state_dict(*args, **kwargs)

    def load_state_dict(self, state: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load a state dict, of tensors or of Variables, into the module and into `parameters`."""
        plain = {name: x.detach().data if is_variable(x) else x for name, x in state.items()}
        self.write_back()  # what `state` lacks stays
        found = self.module.load_state_dict(plain, *args, **kwargs)
        for name, p in self.module.named_parameters(remove_duplicate=False):
            self.parameters[name].data = p.detach().clone()
        return found

    def write_back(self) -> None:
        """Give the module itself the values of `parameters`."""
        with torch.no_grad():
            for name, p in self.module.named_parameters(remove_duplicate=False):
                p.copy_(self.parameters[name].detach().data)

    def train(self, mode: bool = True) -> Module:
        """Switch the module to training."""
        self.module.train(mode)
        return self

    def eval(self) -> Module:
        """Switch the module to evaluation."""
        return self.train(False)

    def __repr__(self) -> str:
        return f"pluggrad.interop.torch.module({self.module!r})"


class _Functional(torch.nn.Module):  # type: ignore[misc]
    """A module whose parameters are its first argument."""

    def __init__(self, m: Any) -> None:
        super().__init__()
        self.inner = m
        self.__name__ = type(m).__name__

    def forward(self, parameters: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """What the inner module returns for these parameters."""
        return torch.func.functional_call(self.inner, parameters, args, kwargs)


def optimizer(kind: Callable[..., Any], variables: Any, /, **settings: Any) -> Optimizer:
    """One of torch's optimizers for Variables, such as
    ``optimizer(torch.optim.Adam, f.parameters, lr=1e-3)``.

    ``step()`` hands the gradients to torch's optimizer, lets it take its step, and writes the new
    values into the Variables, which stay the same leaves. So the steps are torch's, to the bit.

    Parameters
    ----------
    kind : callable
        A class of `torch.optim`, or another of that form.
    variables : iterable or mapping of Variables, or of torch's groups
        Leaves over torch that require grad; those that do not are left out. A group is a dict with
        the Variables under ``"params"`` and settings of their own, as in torch.
    **settings
        What `kind` takes: ``lr=``, ``weight_decay=`` and so on.

    Returns
    -------
    Optimizer
        With `step`, `zero_grad`, `state_dict`, `load_state_dict` and `param_groups`. Its attribute
        `torch` is torch's optimizer, which torch's schedulers of learning rates take.

    Raises
    ------
    TypeError
        Something else than a Variable over torch is among them.

    >>> import pluggrad as pg, torch
    >>> w = pg.Variable(torch.ones(2), requires_grad=True)
    >>> steps = pg.interop.torch.optimizer(torch.optim.SGD, [w], lr=0.5)
    >>> pg.sum(w * w).backward()
    >>> steps.step()
    >>> w.data
    tensor([0., 0.])
    """
    return Optimizer(kind, variables, settings)


class Optimizer:
    """What `optimizer` returns."""

    def __init__(self, kind: Callable[..., Any], variables: Any, settings: dict[str, Any]) -> None:
        #: Pairs of a Variable and the parameter that torch's optimizer has in its place.
        self.pairs: list[tuple[Any, Any]] = []
        given = list(variables.values()) if isinstance(variables, Mapping) else _listed(variables)
        groups = [
            {**group, "params": self._stand_ins(group.get("params", ()))}
            if isinstance(group, dict) else group for group in given
        ]  # fmt: skip
        if not all(isinstance(group, dict) for group in groups):
            groups = self._stand_ins(given)
        try:
            self.torch: Any = kind(groups, **settings)
        except (TypeError, ValueError) as error:
            explain(error, "interop.torch.optimizer", ())

    def _stand_ins(self, variables: Any) -> list[Any]:
        """A parameter for each different Variable that requires grad."""
        made = []
        for v in _listed(variables):
            if not is_variable(v) or v._backend.name != "torch" or not v.is_leaf:
                what = "a computed one" if is_variable(v) else type(v).__name__
                raise TypeMismatchError(
                    f"interop.torch.optimizer takes leaves, Variables over torch, and not {what}"
                )
            if v.requires_grad and not any([v is known for known, _ in self.pairs]):
                self.pairs.append((v, torch.nn.Parameter(v.detach().data.clone())))
                made.append(self.pairs[-1][1])
        return made

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of torch's optimizer, with the gradients of the Variables. A `closure` computes
        the loss and its gradients anew, as in torch."""
        again = None
        if closure is not None:
            again = lambda: self._evaluated(closure)
        self._hand_over()
        loss = self.torch.step() if again is None else self.torch.step(again)
        self._take_back()
        return loss

    def _evaluated(self, closure: Callable[[], Any]) -> Any:
        """The loss at the present values, as a number that torch's optimizer understands."""
        self._take_back()
        with torch.enable_grad():
            loss = closure()
        self._hand_over()
        return loss.detach().data if is_variable(loss) else loss

    def _hand_over(self) -> None:
        """Give values and gradients to torch's optimizer."""
        with torch.no_grad():
            for v, p in self.pairs:
                value = v.detach().data
                if not torch.equal(p, value):  # written since the last step
                    p.copy_(value)
                p.grad = None if v.grad is None else v.grad.detach().data

    def _take_back(self) -> None:
        """Write the values of torch's optimizer into the Variables."""
        for v, p in self.pairs:
            v.data = p.detach().clone()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or with `set_to_none` False make them zeros."""
        for v, _ in self.pairs:
            if v.grad is not None:
                v.grad = None if set_to_none else pg.zeros_like(v.grad.detach())

    def on_parameters(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``f(parameters, *args, **kwargs)`` for a function of torch that changes parameters or
        their gradients in place, such as ``torch.nn.utils.clip_grad_norm_``: it gets a list of
        parameters of torch, and what it leaves there is written into the Variables.

        >>> import pluggrad as pg, torch
        >>> w = pg.Variable(torch.ones(4), requires_grad=True)
        >>> steps = pg.interop.torch.optimizer(torch.optim.SGD, [w], lr=1.0)
        >>> pg.sum(w * w).backward()
        >>> steps.on_parameters(torch.nn.utils.clip_grad_norm_, max_norm=1.0)
        tensor(4.)
        >>> w.grad.data
        tensor([0.5000, 0.5000, 0.5000, 0.5000])
        """
        self._hand_over()
        for _, p in self.pairs:
            p.grad = None if p.grad is None else p.grad.clone()  # not in the memory of a graph
        found = f([p for _, p in self.pairs], *args, **kwargs)
        self._take_back()
        for v, p in self.pairs:
            v.grad = None if p.grad is None else pg.Variable(p.grad)
        return found

    @property
    def param_groups(self) -> Any:
        """Those of torch's optimizer: settings may be changed there."""
        return self.torch.param_groups

    def state_dict(self) -> Any:
        """That of torch's optimizer."""
        return self.torch.state_dict()

    def load_state_dict(self, state: Any) -> None:
        """Load the state of torch's optimizer."""
        self.torch.load_state_dict(state)


def _listed(variables: Any) -> list[Any]:
    """`variables` as a list."""
    if is_variable(variables) or isinstance(variables, (str, dict)) or not (
        isinstance(variables, Iterable)
    ):  # fmt: skip
        if isinstance(variables, dict):
            return list(variables.values())
        return [variables]
    return list(variables)
