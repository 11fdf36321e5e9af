"""Who answers each function that torch lets others override, when it is called with Variables."""

from __future__ import annotations

import collections
import json
import warnings
from pathlib import Path
from typing import Any

from pluggrad.arrays.backend import PRIMITIVES, get_backend

__all__ = ["ANSWERS", "SECTION", "as_text", "by_place", "functions", "markdown"]

ANSWERS = {
    "ours": "a rule of pluggrad's; torch's derivative for arguments that ours lacks",
    "torch's": "recorded as one operation, with torch's own derivative",
    "plain": "a question, whose answer is no part of a graph",
    "writes": "in place: as `v[...] = value`",
    "refused": "by an error; the reasons are below",
}
SECTION = "## Functions\n"
SAMPLES = """\
## Samples of torch's own tests

Each sample of OpInfo, in `torch.testing._internal`, is run on tensors that torch tracks, and on
Variables. Values and derivatives of order 1 and 2 must be equal. "torch nan" counts samples where
torch's derivative is nan, and ours is that of finite differences; "by torch" those that torch itself
refuses. `python tests/torch_sweep.py --samples 0` runs them.
"""
#: Why a method or attribute of tensors is not one of Variables.
REASONS = {
    "sparse, quantized and other layouts: Variables are dense; convert `.data`": (
        "to_", "sparse", "is_sparse", "is_quantized", "q_", "int_repr", "dequantize", "coalesce",
        "crow", "col_", "ccol", "row_", "values", "indices", "is_coalesced", "dense_dim",
        "_dimI", "_dimV", "_nnz", "_indices", "_values", "_coalesced",
    ),
    "names of axes: torch's prototype": (
        "names", "rename", "refine_names", "align_", "has_names", "name",
    ),
    "torch's own graph: Variables have `grad_fn`, `is_leaf` and hooks of their own": (
        "_backward", "_grad", "grad_dtype", "output_nr", "_post_acc", "_base", "_version", "_is_view",
        "reinforce", "_cdata", "_autocast", "_clear_non", "is_distributed",
    ),
    "memory and storage: ask the tensor, `.data`": (
        "storage", "set_", "resize", "share_memory", "pin_memory", "record_stream", "const_data",
        "apply_", "map_", "map2_", "new", "as_subclass", "module_load", "_typed_storage", "is_set_to",
        "__cuda_array", "__dlpack", "_sync", "is_", "__array_wrap__", "_reduce", "_rev_view", "_make",
        "_to_dense", "_update_names", "__deepcopy__", "data_ptr", "ipu", "xpu", "hpu",
    ),
}  # fmt: skip


def functions() -> dict[str, tuple[str, str]]:
    """Every function that torch lets others override, by its name: who answers it, and for those
    that are refused, why."""
    from torch.overrides import get_overridable_functions, resolve_name

    found: dict[str, tuple[str, str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group in get_overridable_functions().values():
            for func in group:
                full = resolve_name(func)
                if full is None:
                    continue
                owner, _, name = full.removesuffix(".__get__").rpartition(".")
                if owner == "torch.Tensor":
                    found[full] = _method(name)
                else:  # `torch.fft.fft` calls itself `fft_fft`, as the table of functions does
                    found[full] = _answer(getattr(func, "__name__", name)), ""
    return found


def by_place() -> dict[str, dict[str, dict[str, list[str]]]]:
    """The names of `functions`, by the module or class that they are in, who answers them, and the
    reason, which is empty for all but those that are refused."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for full, (answer, reason) in sorted(functions().items()):
        place, _, name = full.removesuffix(".__get__").rpartition(".")
        place = "torch" if place == "torch.functional" else place
        found.setdefault(place, {}).setdefault(answer, {}).setdefault(reason, []).append(name)
    return dict(sorted(found.items()))


def as_text(version: str, places: dict[str, dict[str, dict[str, list[str]]]]) -> str:
    """The same as JSON, with a line for each answer."""
    lines = []
    for place, answers in places.items():
        rows = [f"{json.dumps(answer)}: {json.dumps(names)}" for answer, names in answers.items()]
        lines.append(f"{json.dumps(place)}: {{\n" + ",\n".join(rows) + "\n}")
    return f'{{"torch": "{version}", "functions": {{\n' + ",\n".join(lines) + "\n}}\n"


def _answer(name: str) -> str:
    """Who answers a function."""
    from pluggrad_torch import functions as ours

    primitive = PRIMITIVES.get(name)
    elementwise = primitive is not None and primitive.parameters in (("x",), ("x1", "x2"))
    if name in ours.QUESTIONS or name.startswith("is_"):
        return "plain"
    if name.endswith("_") and not name.endswith("__"):
        return "writes"
    known = {*ours.TABLE.rows, *ours.SPECIAL, *ours.RANDOM_NAMES}
    return "ours" if name in known or name.startswith("special_") or elementwise else "torch's"


def _method(name: str) -> tuple[str, str]:
    """Who answers a method or attribute of tensors."""
    from pluggrad import Variable
    from pluggrad_torch import methods

    cls: Any = get_backend("torch").variable
    if not hasattr(cls, name):
        for reason, starts in REASONS.items():
            if name.startswith(starts):
                return "refused", reason
        return "refused", "internals of torch's tensors"
    if name in methods.PLAIN | methods.PROPERTIES or not callable(getattr(cls, name)):
        return "plain", ""
    if name.endswith("_") and not name.endswith("__"):
        return "writes", ""
    own = hasattr(Variable, name) or name in methods.MAKERS
    return ("ours" if own else _answer(name)), ""


def markdown(kept: dict[str, Any]) -> list[str]:
    """The page's tables: all functions, as they are in this version of torch, and the samples that
    the sweep kept."""
    places = by_place()
    rows = {
        place: collections.Counter(
            {answer: sum(map(len, named.values())) for answer, named in answers.items()}
        )
        for place, answers in places.items()
    }
    reasons: dict[str, list[str]] = {}
    for answers in places.values():
        for reason, names in answers.get("refused", {}).items():
            reasons.setdefault(reason, []).extend(names)
    lines = [SECTION, "| | " + " | ".join(ANSWERS) + " | all |", "|---" * (len(ANSWERS) + 2) + "|"]
    total: collections.Counter[str] = sum(rows.values(), collections.Counter())
    for place, counts in [*rows.items(), ("all", total)]:
        cells = " | ".join(str(counts[answer]) for answer in ANSWERS)
        lines.append(f"| `{place}` | {cells} | {sum(counts.values())} |")
    lines += ["", *[f"- {answer}: {text}." for answer, text in ANSWERS.items()]]
    lines += ["", "Methods and attributes of `torch.Tensor` that Variables refuse:", ""]
    for reason, names in sorted(reasons.items()):
        listed = ", ".join(f"`{name}`" for name in sorted(names))
        lines.append(f"- {reason}: {listed}.")
    return [*lines, "", *_samples(kept)]


def _samples(kept: dict[str, Any]) -> list[str]:
    """The table of samples, and what was refused."""
    from tests.torch_sweep import OUTCOMES

    lines = [SAMPLES]
    lines += ["| dtype | functions | " + " | ".join(OUTCOMES) + " |",
              "|---" * (len(OUTCOMES) + 2) + "|"]  # fmt: skip
    refused: dict[str, str] = {}
    for dtype, found in kept["dtypes"].items():
        for title in ("all", "nn.functional"):
            cells = " | ".join(str(found["counts"][title].get(kind, 0)) for kind in OUTCOMES)
            lines.append(f"| {dtype} | {title} | {cells} |")
        refused |= found["refused"]
    lines += ["", "Refused, or without the method:", ""]
    lines += [f"- `{name}`: {why}" for name, why in sorted(refused.items())]
    return lines


def read(path: Path) -> dict[str, Any]:
    """What the sweep kept last."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept
