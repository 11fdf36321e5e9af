"""The context `ctx` of a `Function`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.primitive import new

__all__ = ["OUTPUT", "FunctionContext"]

OUTPUT = ("out", 0)  # the place of a saved array that is the only output


class FunctionContext:
    """The context `ctx` that carries values from `forward` to `backward` and `jvp`.

    Attributes of your own may be set on it, too.
    """

    __slots__ = ("__dict__", "_call", "_constant_outputs", "_dirty_inputs", "_given",
                 "_materialize", "_needs")  # fmt: skip

    _call: tuple[Sequence[Any], Sequence[bool]] | None

    def __init__(self, needs: Sequence[bool]) -> None:
        """`needs` says for each input whether its gradient is wanted."""
        self._call = None
        self._needs = tuple(needs)
        self._given: dict[str, tuple[Any, ...]] = {}
        self._materialize = True
        self._dirty_inputs: tuple[Any, ...] = ()
        self._constant_outputs: tuple[Any, ...] = ()

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays for `backward`, which finds them in `saved_tensors`.

        Saved inputs and outputs keep their graph, so higher derivatives go through them. Any other
        value is a constant there: if higher derivatives must go through it, return it as an output.
        """
        self._given["backward"] = values

    def save_for_forward(self, *values: Any) -> None:
        """Keep arrays for `jvp`. Without this call, `jvp` finds those kept for `backward`."""
        self._given["forward"] = values

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The values given to `save_for_backward`; in `jvp`, those given to `save_for_forward`."""
        return self._given.get("backward", ()) if self._call is None else tuple(self._call[0])

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """One bool per input of `forward`: whether its gradient is wanted."""
        return self._needs if self._call is None else tuple(self._call[1])

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Declare that these outputs have no gradient."""
        self._constant_outputs = outputs

    def mark_dirty(self, *inputs: Any) -> None:
        """Declare that `forward` wrote these inputs in place and returns them.

        After the call, the caller's own Variables hold the new values. Write with the in-place
        operators of Variables or by index; never into their `.data`, a buffer that other operations
        may have saved. An input that is not both an input and an output raises ValueError.
        """
        self._dirty_inputs = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Choose how missing derivatives are passed on: as zeros (True, the default) or as None.

        They are the cotangents of unused outputs, for `backward`, and the tangents of inputs
        without one, for `jvp`.
        """
        self._materialize = bool(value)

    def _usual(self, inputs: list[Any], y: Any) -> tuple[tuple[str, int], ...] | None:
        """What `forward` saved of its `inputs` and its output `y`, as in `FunctionCall.saved`;
        None if it noted anything else."""
        if self.__dict__ or self._dirty_inputs or self._constant_outputs or not self._materialize:
            return None
        given = self._given
        if len(given) > ("backward" in given):
            return None
        found = []
        for value in given.get("backward", ()):
            if value is y:
                found.append(OUTPUT)
                continue
            for i, x in enumerate(inputs):
                if value is x:
                    found.append(("in", i))
                    break
            else:
                return None
        return tuple(found)

    def _at(self, values: Sequence[Any], needs: Sequence[bool]) -> FunctionContext:
        """This context as one level sees it: its own saved values, the same attributes."""
        view: FunctionContext = new(FunctionContext)
        view.__dict__ = self.__dict__
        view._call = (values, needs)
        return view
