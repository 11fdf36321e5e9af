"""DTensor: tensors that are cut up, or copied, over the processes of a mesh.

A constant beside one is replicated over the same mesh. Nothing is written in place: views of a
DTensor that is cut up may be copies. The gradients of reads by index are computed by the operators
that torch's own autograd uses, so that they are placed as torch places them.
"""

from __future__ import annotations

from typing import Any


def is_dtensor(x: Any) -> bool:
    """Whether `x` is a DTensor."""
    return type(x).__name__ == "DTensor"  # without an import, since every operation may ask


def replicated(made: Any, x: Any) -> Any:
    """The tensor `made`, which all processes have, as a DTensor on the mesh of `x`."""
    from torch.distributed.tensor import DTensor, Replicate

    if is_dtensor(made):
        return made
    mesh = x.device_mesh
    return DTensor.from_local(made, mesh, [Replicate()] * mesh.ndim, run_check=False)


def finished(g: Any, x: Any) -> Any:
    """The gradient `g` of `x`, with partial sums over the mesh carried out: there it is placed as
    `x` is."""
    from torch.distributed.tensor import Replicate

    if not any([place.is_partial() for place in g.placements]):
        return g
    alike = is_dtensor(x) and x.device_mesh == g.device_mesh
    wanted = x.placements if alike else [Replicate()] * len(g.placements)
    placements = [
        place if not place.is_partial() else Replicate() if other.is_partial() else other
        for place, other in zip(g.placements, wanted, strict=True)
    ]
    return g.redistribute(placements=placements)


def methods() -> dict[str, Any]:
    """The methods and properties of DTensors, for Variables. They raise AttributeError beside other
    tensors."""
    found: dict[str, Any] = {name: _method(name) for name in ("redistribute", "full_tensor")}
    found["to_local"] = _method("to_local")
    for name in ("placements", "device_mesh"):
        found[name] = property(_attribute(name), doc=f"As `DTensor.{name}`.")
    return found


def _method(name: str) -> Any:
    """A method of DTensors as one recorded operation, with the derivative that DTensor gives it."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        import pluggrad as pg

        if not is_dtensor(self.data):
            raise AttributeError(f"a Variable over a plain tensor has no {name!r}; DTensors have")
        return pg.interop.torch.call(lambda x: getattr(x, name)(*args, **kwargs))(self)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"As `DTensor.{name}`, recorded for derivatives."
    return method


def _attribute(name: str) -> Any:
    return lambda self: getattr(self.data, name)


# ---------------------------------------------------------------- reading and writing at an index


class Step:
    """One step of reading by a basic index: `select`, `slice` or `unsqueeze` along `axis`, of an
    array of the shape `sizes`."""

    def __init__(self, name: str, sizes: list[int], axis: int, *args: int) -> None:
        self.name, self.sizes, self.axis, self.args = name, sizes, axis, args

    def read(self, x: Any) -> Any:
        """What this step makes of `x`."""
        import torch

        if self.name == "flip":
            return torch.flip(x, (self.axis,))
        return getattr(torch.ops.aten, self.name)(x, self.axis, *self.args)

    def back(self, g: Any) -> Any:
        """The cotangent of `x`, for the cotangent `g` of what was read."""
        import torch

        if self.name == "flip":
            return torch.flip(g, (self.axis,))
        if self.name == "unsqueeze":
            return g.squeeze(self.axis)
        backward = getattr(torch.ops.aten, self.name + "_backward")
        return backward(g, self.sizes, self.axis, *self.args)

    def write(self, value: Any, x: Any) -> Any:
        """`x` with `value` where this step reads."""
        import torch

        if self.name in ("flip", "unsqueeze"):
            return self.back(value)
        return getattr(torch.ops.aten, self.name + "_scatter")(x, value, self.axis, *self.args)


def steps(key: Any, shape: Any) -> tuple[list[Step], list[Any] | None]:
    """The steps of reading an array of `shape` at `key`, and the arrays that index what these give:
    one entry per axis, None for axes that stay whole; None if there are no arrays."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum([_axes(part) for part in parts])
    at = next((n for n, part in enumerate(parts) if part is ...), len(parts))
    parts[at : at + 1] = [slice(None)] * (len(shape) - used)
    found: list[Step] = []
    arrays: list[Any] = []
    sizes, axis = list(shape), 0
    for part in parts:
        if part is None:
            found.append(Step("unsqueeze", list(sizes), axis))
            sizes.insert(axis, 1)
            arrays.append(None)
        elif type(part) is int:
            found.append(Step("select", list(sizes), axis, part))
            del sizes[axis]
            continue
        elif isinstance(part, slice):
            chosen = range(sizes[axis])[part]
            back = chosen.step < 0
            chosen = chosen[::-1] if back else chosen
            if len(chosen) != sizes[axis]:
                ends = (chosen.start, chosen[-1] + 1) if chosen else (0, 0)
                found.append(Step("slice", list(sizes), axis, *ends, chosen.step))
                sizes[axis] = len(chosen)
            if back:
                found.append(Step("flip", list(sizes), axis))
            arrays.append(None)
        else:
            count = _axes(part)
            arrays.append(part)
            axis += count
            continue
        axis += 1
    return found, arrays if any([part is not None for part in arrays]) else None


def along_one_axis(key: Any) -> tuple[int, Any] | None:
    """If `key` is a row of integers along one axis, and whole axes: that axis, and the integers."""
    parts = key if isinstance(key, tuple) else (key,)
    found = None
    for axis, part in enumerate(parts):
        # (Compilers do not ask slices for their attributes.)
        if (
            part is not ...
            and type(part) is not slice
            and hasattr(part, "dtype")
            and part.ndim == 1
            and "int" in str(part.dtype)
        ):
            if found is not None or ... in [p for p in parts[:axis] if p is ...]:
                return None
            found = (axis, part)
        elif part is not ... and not (isinstance(part, slice) and part == slice(None)):
            return None
    return found


def _axes(part: Any) -> int:
    """How many axes of the array this part of an index takes up."""
    if part is None or part is ...:
        return 0
    return int(part.ndim) if hasattr(part, "dtype") and "bool" in str(part.dtype) else 1


def read(x: Any, key: Any) -> Any:
    """``x[key]``."""
    import torch

    found, arrays = steps(key, x.shape)
    for step in found:
        x = step.read(x)
    if arrays is None:
        return x
    return torch.ops.aten.index(x, [_beside(part, x) for part in arrays])


def scatter(g: Any, key: Any, shape: Any) -> Any:
    """Zeros of `shape` with `g` added at `key`."""
    import torch

    one = along_one_axis(key)
    if one is not None:
        axis, places = one
        places = replicated(places, g)
        places = torch.where(places < 0, places + shape[axis], places)
        return g.new_zeros(tuple(shape)).index_add(axis, places, g)
    found, arrays = steps(key, shape)
    if arrays is not None:
        inner = list(shape)
        for step in found:
            inner = _shape_after(step)
        at = [_beside(part, g) for part in arrays]
        g = torch.ops.aten.index_put(g.new_zeros(inner), at, g, accumulate=True)
    for step in reversed(found):
        g = step.back(g)
    return g


def put(value: Any, x: Any, key: Any) -> Any:
    """A new DTensor: `x` with `value` at `key`."""
    import torch

    if not torch.is_tensor(value):
        value = torch.asarray(value, dtype=x.dtype, device=x.device)
    value = replicated(value, x).to(x.dtype)
    found, arrays = steps(key, x.shape)
    seen = [x]
    for step in found:
        seen.append(step.read(seen[-1]))
    if arrays is not None:
        value = torch.ops.aten.index_put(seen[-1], [_beside(part, x) for part in arrays], value)
    else:
        extra = value.ndim - seen[-1].ndim
        value = value.reshape(value.shape[extra:]) if extra > 0 else value
        value = value.expand(seen[-1].shape)
    for step, before in zip(reversed(found), reversed(seen[:-1]), strict=True):
        value = step.write(value, before)
    return value


def _beside(part: Any, x: Any) -> Any:
    """An array of an index as a DTensor on the mesh of `x`."""
    return None if part is None else replicated(part, x)


def _shape_after(step: Step) -> list[int]:
    """The shape of what `step` reads."""
    sizes = list(step.sizes)
    if step.name == "unsqueeze":
        sizes.insert(step.axis, 1)
    elif step.name == "select":
        del sizes[step.axis]
    elif step.name == "slice":
        start, stop, stride = step.args
        sizes[step.axis] = len(range(start, stop, stride))
    return sizes
