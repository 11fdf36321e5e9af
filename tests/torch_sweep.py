"""Call torch's functions with Variables, on the samples of torch's own tests (OpInfo).

    python tests/torch_sweep.py [NAME ...] [--samples N] [--list OUTCOME] [--dtype NAME]

Each sample is run on tensors that torch tracks, and with a Variable in the place of each of these.
The values and the derivatives of order 1 and 2, for random cotangents, must be torch's. What can
come of a sample:

ours        right, by a function of pluggrad
torch's     right, recorded with torch's own derivative
torch nan   right by finite differences, where torch's derivative is nan
refused     pluggrad raises an error
no method   the sample calls a method that Variables do not have
by torch    torch itself raises an error
wrong       another value or derivative, or a gradient that is lost in silence
foreign     an exception that is not pluggrad's, where torch accepts its own tensors

The last two must not be; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

import optree
import torch

import pluggrad as pg
from pluggrad import autograd

OUTCOMES = ("ours", "torch's", "torch nan", "refused", "no method", "by torch", "wrong", "foreign")
BAD = ("wrong", "foreign")
#: Samples where pluggrad has another convention for the second derivative, at zeros.
CONVENTIONS = {"linalg.norm.subgradients_at_zero"}
#: Functions of Hermitian matrices: here the gradient is Hermitian, too, as torch's mostly is.
HERMITIAN = {"cholesky", "linalg.cholesky"}
#: Functions with results that are one of many, with `full_matrices`: so are the derivatives.
FULL = {"linalg.svd"}
#: Products: the derivative by a factor is that of the others, also where the factor is nan.
MULTILINEAR = {"masked.prod"}
#: Methods that mean NumPy's on Variables, and not torch's.
OTHER_METHODS = {"repeat"}
#: Functions whose results are not determined by their arguments.
UNDETERMINED = {"empty_like", "new_empty", "new_empty_strided", "empty", "empty_permuted",
                "empty_strided", "rand_like", "randn_like", "randint_like", "bernoulli",
                "nn.functional.dropout", "normal"}  # fmt: skip


class Finding(NamedTuple):
    """What came of one sample."""

    name: str
    sample: str
    outcome: str
    details: str


def operations(names: list[str] | None = None, dtype: Any = torch.float64) -> list[Any]:
    """torch's OpInfos for functions that have a derivative in `dtype`."""
    from torch.testing._internal.common_methods_invocations import op_db

    found = [
        op for op in op_db
        if op.supports_autograd and dtype in op.dtypes and not op.name.startswith("_refs")
    ]  # fmt: skip
    return [op for op in found if not names or op.name in names]


def samples(op: Any, most: int, dtype: Any) -> Iterator[Any]:
    """Up to `most` samples of an OpInfo, spread over all of them; all if it is 0."""
    torch.manual_seed(1)
    found = list(op.sample_inputs("cpu", dtype, requires_grad=False))
    step = max(1, len(found) // most) if most else 1
    yield from found[::step][: most or None]


def leaves(tree: Any) -> list[Any]:
    """The leaves of arguments or results."""
    return list(optree.tree_leaves(tree, none_is_leaf=True))


def is_float(x: Any) -> bool:
    """Whether `x` is a tensor that can have a derivative."""
    return torch.is_tensor(x) and (x.is_floating_point() or x.is_complex())


def raw(x: Any) -> Any:
    """The tensor in a Variable."""
    return x.detach().data if isinstance(x, pg.Variable) else x


def hermitian(x: Any) -> Any:
    """The Hermitian part of matrices."""
    return (x + x.mH) / 2


def run_sample(op: Any, sample: Any, make: Any) -> tuple[list[Any], list[Any]]:
    """The results of a sample, with `make` of each floating-point tensor; and these."""
    made: list[Any] = []

    def replaced(x: Any) -> Any:
        if not is_float(x) or x.layout is not torch.strided:
            return x.clone() if torch.is_tensor(x) else x
        made.append(make(x.detach().clone()))
        return made[-1]

    tree = (sample.input, tuple(sample.args), dict(sample.kwargs))
    first, args, kwargs = optree.tree_map(replaced, tree, none_is_leaf=True)
    torch.manual_seed(0)
    f = op.op
    if isinstance(f, (types.MethodDescriptorType, types.WrapperDescriptorType)):  # of tensors alone
        f = getattr(first, f.__name__)
        return leaves(f(*args, **kwargs)), made
    return leaves(f(first, *args, **kwargs)), made


def seeds(like: list[Any]) -> list[Any]:
    """Random cotangents."""
    torch.manual_seed(2)
    return [torch.randn_like(raw(y)) for y in like]


def native(op: Any, sample: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """torch's results, and its gradients of order 1 and 2 (empty if it has none)."""
    ys, xs = run_sample(op, sample, lambda x: x.requires_grad_())
    smooth = [y for y in ys if torch.is_tensor(y) and y.requires_grad]
    if not smooth or not xs:
        return ys, [], []
    first = torch.autograd.grad(smooth, xs, seeds(smooth), create_graph=True, allow_unused=True)
    second: list[Any] = []
    again = [g for g in first if g is not None and g.requires_grad]
    if again:
        try:
            second = list(torch.autograd.grad(again, xs, seeds(again), allow_unused=True))
        except (RuntimeError, NotImplementedError):  # it has no second derivative
            second = []
    return ys, list(first), second


def close(m: Any, t: Any) -> bool:
    """Whether two tensors are equal but for rounding."""
    wide = t.dtype in (torch.float64, torch.complex128) or not is_float(t)
    rtol, atol = (1e-7, 1e-9) if wide else (2e-3, 2e-4)
    return bool(torch.allclose(m, t, rtol=rtol, atol=atol, equal_nan=True))


def where_nan(mine: Any, theirs: Any) -> Any:
    """torch's derivatives, with ours in the place of nan; None where there is no nan."""
    if not any([t is not None and bool(t.isnan().any()) for t in theirs]):
        return None
    return [t if t is None or m is None else torch.where(t.isnan(), raw(m), t.detach())
            for m, t in zip(mine, theirs, strict=True)]  # fmt: skip


def steep(op: Any, sample: Any, mine: list[Any], theirs: list[Any]) -> bool:
    """Whether our gradients of order 1 are those of finite differences of torch's values, where
    torch's gradients are nan."""

    def values(n: int, place: int, step: float) -> list[Any]:
        count = iter(range(len(mine)))

        def moved(x: Any) -> Any:
            if next(count) == n:
                at = x.view(-1)
                at[place] = (
                    step if op.name in MULTILINEAR and at[place].isnan() else at[place] + step
                )
            return x

        return [y for y in run_sample(op, sample, moved)[0] if is_float(y)]

    for n, (g, t) in enumerate(zip(mine, theirs, strict=True)):
        if t is None or not t.isnan().any():
            continue
        for place in (t.isnan() & (g is None or ~raw(g).isnan())).flatten().nonzero():
            above, below = values(n, int(place), 1e-6), values(n, int(place), -1e-6)
            slope = sum([((y - z).nan_to_num(0.0) * s).sum() / 2e-6
                         for y, z, s in zip(above, below, seeds(above), strict=True)])  # fmt: skip
            found = 0.0 if g is None else float(raw(g).flatten()[place])
            if abs(float(slope) - found) > 1e-5 + 1e-4 * abs(found):
                return False
    return True


def same(mine: Any, theirs: Any) -> str:
    """What differs between two lists of results or gradients; None counts as zeros."""
    if len(mine) != len(theirs):
        return f"{len(mine)} results for {len(theirs)}"
    for m, t in zip(mine, theirs, strict=True):
        m, t = raw(m), raw(t)
        if m is None or t is None:
            other = t if m is None else m
            known = other is not None and torch.is_tensor(other)
            if known and not close(torch.zeros_like(other.to_dense()), other.to_dense()):
                return f"{m} for {t}"
            continue
        if not torch.is_tensor(t):
            if torch.is_tensor(m) or (m != t and m == m):
                return f"{m!r} for {t!r}"
            continue
        if t.layout is not torch.strided:
            m, t = m.to_dense(), t.to_dense()
        if not torch.is_tensor(m) or m.shape != t.shape or m.dtype != t.dtype:
            return f"{getattr(m, 'dtype', m)} {getattr(m, 'shape', '')} for {t.dtype} {t.shape}"
        if not close(m, t.detach()):
            return f"{m.flatten()[:6]} for {t.detach().flatten()[:6]}"
    return ""


def judge(op: Any, sample: Any) -> tuple[str, str]:
    """What comes of a sample."""
    import pluggrad_torch.recorded as module

    by_torch: list[str] = []
    before = module.recorded

    def noted(*args: Any) -> Any:
        by_torch.append(args[2])
        return before(*args)

    try:
        expected, first, second = native(op, sample)
    except Exception as error:
        return "by torch", f"{type(error).__name__}: {error}"
    try:
        module.recorded = noted
        ys, xs = run_sample(op, sample, lambda x: pg.Variable(x, requires_grad=True))
        smooth = [y for y in ys if isinstance(y, pg.Variable) and y.requires_grad]
        mine: list[Any] = []
        again: list[Any] = []
        mine_second: list[Any] = []
        theirs = [y for y in expected if torch.is_tensor(y) and y.requires_grad]
        if first and len(smooth) == len(theirs):
            given = [pg.Variable(g) for g in seeds(theirs)]
            mine = list(autograd.grad(smooth, xs, given, create_graph=True, allow_unused=True))
            if second:
                again = [g for g, t in zip(mine, first, strict=True)
                         if t is not None and t.requires_grad]  # fmt: skip
                given = [pg.Variable(g) for g in seeds([t for t in first if t is not None
                                                         and t.requires_grad])]  # fmt: skip
                pairs = [(g, s) for g, s in zip(again, given, strict=True)
                         if g is not None and g.requires_grad]  # fmt: skip
                if pairs:
                    mine_second = list(autograd.grad(
                        [g for g, _ in pairs], xs, [s for _, s in pairs], allow_unused=True
                    ))  # fmt: skip
                else:
                    mine_second = [None] * len(xs)
    except pg.PluggradError as error:
        if isinstance(error, AttributeError) or op.name in OTHER_METHODS:
            return "no method", str(error)
        return "refused", f"{type(error).__name__}: {error}"
    except AttributeError as error:
        return "no method", str(error)
    except Exception as error:
        if str(error).startswith("descriptor"):
            return "no method", str(error)
        return "foreign", f"{type(error).__name__}: {error}"
    finally:
        module.recorded = before
    if why := "" if op.name in UNDETERMINED else same(ys, expected):
        return "wrong", f"values: {why}"
    if op.name in FULL and sample.kwargs.get("full_matrices"):
        first, second = [], []
    if op.name in HERMITIAN and first:
        mine, first = [[None if g is None else hermitian(raw(g)) for g in gs]
                       for gs in (mine, first)]  # fmt: skip
        second = []
    lost = any([g is not None and bool((g.to_dense() != 0).any()) for g in first])
    if len(smooth) < len(theirs) and lost:
        return "wrong", f"{len(smooth)} results are tracked, and {len(theirs)} of torch's"
    nan = False
    if op.name not in UNDETERMINED:
        if first and len(smooth) == len(theirs) and (why := same(mine, first)):
            patched = where_nan(mine, first)
            if patched is None or same(mine, patched) or not steep(op, sample, mine, first):
                return "wrong", f"order 1: {why}"
            nan, second = True, []  # torch's second derivative is nan, too
        variant = f"{op.name}.{op.variant_test_name}"
        compared = len(smooth) == len(theirs) and second and variant not in CONVENTIONS
        if compared and (why := same(mine_second, second)):
            patched = where_nan(mine_second, second)
            if patched is None or same(mine_second, patched):
                return "wrong", f"order 2: {why}"
            nan = True
    if nan:
        return "torch nan", ""
    return ("torch's" if by_torch else "ours"), ""


def sweep(ops: list[Any], most: int, dtype: Any = torch.float64) -> Iterator[Finding]:
    """Every sample of `ops`, up to `most` of each (0 for all)."""
    for op in ops:
        name = op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")
        try:
            found = list(samples(op, most, dtype))
        except Exception as error:
            yield Finding(name, "", "by torch", f"no samples: {error}")
            continue
        for sample in found:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcome, details = judge(op, sample)
            yield Finding(name, f"{sample.args} {sample.kwargs}", outcome, details)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python tests/torch_sweep.py",
        description="Call torch's functions with Variables, on the samples of torch's own tests, "
        "and hold values and derivatives of order 1 and 2 against torch's.",
    )
    p.add_argument("names", nargs="*", metavar="NAME", help="such as nn.functional.conv2d")
    p.add_argument("--samples", type=int, default=8, help="of each function; 0 for all (default 8)")
    p.add_argument("--list", action="append", choices=OUTCOMES, default=[],
                   help="print every sample with this outcome; may be repeated")  # fmt: skip
    p.add_argument("--functional", action="store_true", help="torch.nn.functional alone")
    p.add_argument("--dtype", default="float64", help="float64 (default), complex128 or float32")
    p.add_argument(
        "--keep", metavar="FILE", help="keep the counts in a JSON file, for docs/torch-functions.md"
    )
    return p


def counted(findings: list[Finding]) -> dict[str, Any]:
    """The counts of outcomes, and for what was refused the first reason."""
    functional = [f for f in findings if "nn.functional" in f.name]
    refused: dict[str, str] = {}
    for f in findings:
        if f.outcome in ("refused", "no method"):
            refused.setdefault(f.name, " ".join(f.details.split("inside torch")[0].split())[:140])
    counts = {title: dict(collections.Counter([f.outcome for f in some]))
              for title, some in (("all", findings), ("nn.functional", functional))}  # fmt: skip
    return {"counts": counts, "refused": refused}


def table(found: dict[str, Any]) -> str:
    """The counts as Markdown."""
    lines = ["| samples | " + " | ".join(OUTCOMES) + " |", "|---" * (len(OUTCOMES) + 1) + "|"]
    for title, counts in found["counts"].items():
        lines.append(f"| {title} | " + " | ".join(str(counts.get(k, 0)) for k in OUTCOMES) + " |")
    return "\n".join(lines) + "\n"


def keep(path: Path, dtype: str, found: dict[str, Any]) -> None:
    """Put the counts of one dtype beside those of others, of the same version of torch."""
    version = torch.__version__.partition("+")[0]
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if kept.get("torch") != version:
        kept = {"torch": version, "dtypes": {}}
    kept["dtypes"][dtype] = found
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Run the sweep, and print the counts."""
    args = parser().parse_args(argv)
    dtype = getattr(torch, args.dtype)
    ops = operations(args.names, dtype)
    if args.functional:
        ops = [op for op in ops if "nn.functional" in op.name]
    findings: list[Finding] = []
    shown = ops
    if sys.stderr.isatty():
        from rich.progress import track

        shown = track(ops, description="sweep")
    for op in shown:
        for finding in sweep([op], args.samples, dtype):
            findings.append(finding)
            if finding.outcome in (*BAD, *args.list):
                details = " ".join(finding.details.split())[:300]
                print(f"{finding.outcome:10}{finding.name}{finding.sample[:200]}: {details}",
                      flush=True)  # fmt: skip
    found = counted(findings)
    print(table(found))
    if args.keep:
        keep(Path(args.keep), args.dtype, found)
    return int(any(f.outcome in BAD for f in findings))


if __name__ == "__main__":
    sys.exit(main())
