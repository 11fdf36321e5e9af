"""The page of functions: what becomes of each function of NumPy, SciPy and torch, a row for each.

The rows are made of what was measured and kept in docs/: numpy-sweep.json, function-names.json,
scipy-table.json, torch-functions.json, torch-sweep.json, the verdicts of the conformance suite, and
the table in compatibility.md of SciPy's own functions.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import rulebook

__all__ = ["LIBRARIES", "OUTCOMES", "Row", "page", "tables"]

DOCS = Path(__file__).parents[1]
WORKS, LIMITS, INSTEAD, CONSTANT, REFUSED = OUTCOMES = (
    "works", "works with limits", "use instead", "constant", "refused",
)  # fmt: skip
LIBRARIES = {"numpy": "NumPy", "scipy": "SciPy", "torch": "torch"}
HEAD = """\
# Functions of NumPy, SciPy and torch

What becomes of a function when you call it with Variables. Type a part of its name, or look for it in the
lists below.

- **works**: value and gradient are right, by the measurement that each library's section names.
- **works with limits**: the same, apart from what the remark says.
- **use instead**: the library's own function raises, or cannot keep a gradient. The remark has what can.
- **constant**: the call works, and its answer has no derivative, as that of `np.argsort` or `np.shape`.
- **refused**: the call raises an error, so that no gradient is lost in silence.

"""
SEARCH = """\
<p class="function-search" hidden><input type="search" placeholder="svd, linalg.norm, …"
aria-label="A part of the name of a function"></p>
<script>
addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".function-search"), box = place.firstElementChild;
  const show = () => {
    const words = box.value.trim().toLowerCase();
    for (const table of document.querySelectorAll("table.functions")) {
      let found = false;
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.id.toLowerCase().includes(words);
        found ||= !row.hidden;
      }
      table.closest("section").hidden = !found;
    }
  };
  place.hidden = false;
  box.addEventListener("input", show);
  show();
});
</script>"""
NUMPY = """\
Measured with NumPy {version}. Every function that NumPy lets other libraries answer was called with every
argument, and every ufunc with each of its methods. [Compatibility](compatibility.md) has the rows of methods,
and says what is refused everywhere, such as writing into a raw array by `out=`. Functions that NumPy lets
nobody answer, such as `np.array`, were called once. `numpy.random`, `numpy.ma`, `numpy.polynomial` and
`numpy.char`, and classes of numbers other than those listed, are left out. In remarks, `v` is a
Variable, `z` one of complex numbers, `i` one of integers, and `a` a plain array. "Also" names methods of ufuncs
that have gradients.
"""
SCIPY = """\
Measured with SciPy {version}. SciPy's own functions turn arrays into NumPy's, and a Variable that requires
grad raises there. [`pluggrad.scipy`](scipy.md) has SciPy's names and arguments, and the rows are about it:
write `pluggrad.scipy.ndimage.zoom` for `scipy.ndimage.zoom`, or let
[`pg.adopt`](adopt.md) do that inside a package. "Works" means over NumPy, torch and JAX, with first and second
derivatives, forward mode and `vmap`; "not judged" that no source was precise enough. What is refused here takes Variables that require no grad. With
`SCIPY_ARRAY_API=1`, set before SciPy is imported, [some of SciPy's own functions](compatibility.md) take
Variables, too. Classes are listed where they were seen to refuse a Variable.
"""
TORCH = """\
Of torch {version}: all functions that torch lets other libraries override. Those that work have derivatives of
every order, forward mode and `vmap`; the remark says whether by a rule of pluggrad or by torch's own derivative.
All samples of torch's own tests were run on Variables, and none came out wrong.
[Functions of torch](torch-functions.md) counts them, and names what torch lets nobody override, such as
`torch.tensor(v)`. [torch, in depth](torch.md) has the rest.
"""
RULE = "By a rule of pluggrad."
OWN_TESTS = "Judged by pluggrad's tests, and not by the conformance suite."
NO_ARRAYS = "Takes no arrays of numbers."
#: Functions of `pluggrad.scipy` that make, or ask for, constants.
CONSTANTS = frozenset(
    {"sparse.eye", "sparse.eye_array", "sparse.identity", "sparse.issparse", "sparse.isspmatrix"}
)
#: Methods of tensors that mean what NumPy's mean: what each spelling is.
SPELLINGS = {
    "max": "`v.max(1)` are values, as in NumPy; `v.max(dim=1)` is torch's.",
    "min": "`v.min(1)` are values, as in NumPy; `v.min(dim=1)` is torch's.",
    "std": "`v.std()` divides by N, as in NumPy; `v.std(dim=1)` is torch's.",
    "var": "`v.var()` divides by N, as in NumPy; `v.var(unbiased=False)` is torch's.",
    "repeat": "`v.repeat(2)` repeats each element, as in NumPy; `v.tile(2)` repeats the whole.",
    "sort": "`v.sort()` sorts in place, as in NumPy; `v.sort(dim=0)` is torch's.",
}
ASKED = {
    "value": "value", "first": "first derivative", "second": "second derivative",
    "forward": "forward mode", "vmap": "`vmap`",
}  # fmt: skip
BACKENDS = {"numpy": "NumPy", "torch": "torch", "jax": "JAX"}


class Row(NamedTuple):
    """A function: its name in its module, one of OUTCOMES, and a remark in Markdown."""

    name: str
    outcome: str
    remark: str


Tables = dict[str, list[Row]]


@functools.cache
def kept(name: str) -> Any:
    """A file of docs/."""
    return json.loads((DOCS / name).read_text(encoding="utf-8"))


def sentence(text: str) -> str:
    """Sentences that begin with capital letters, unless with names, and end with a full stop."""
    text = re.sub(r"(?:^|(?<=lost\. ))[a-z]+(?=[ ,:]|'s )", capital, text.strip())
    return text + ("" if text[-1:] in ".!?" else ".")


def capital(found: re.Match[str]) -> str:
    """A word with a capital letter, unless it is the name of a library."""
    return found[0] if found[0] in LIBRARIES else found[0][:1].upper() + found[0][1:]


# ---------------------------------------------------------------- NumPy


def numpy_tables() -> Tables:
    """NumPy's functions, by their modules."""
    names = kept("function-names.json")["numpy"]
    rows = {
        name: _swept(name, found) for name, found in kept("numpy-sweep.json")["functions"].items()
    }
    for name, target in names["aliases"].items():
        outcome, _ = rows[target]
        rows[name] = outcome, f"Another name of `np.{target}`."
    rows |= {name: _called(name, found) for name, found in names["calls"].items()}
    rows |= dict.fromkeys(names["without"], (CONSTANT, NO_ARRAYS))
    found: Tables = defaultdict(list)
    for name in sorted(rows, key=str.lower):
        module, _, last = name.rpartition(".")
        found[f"numpy.{module}" if module else "numpy"].append(Row(last, *rows[name]))
    return dict(sorted(found.items()))


def _swept(name: str, methods: dict[str, Any]) -> tuple[str, str]:
    """The outcome and the remark of a function that the sweep called."""
    call = methods["__call__"]
    remarks = [
        f"`{_short(example)}`: {_reason(why)}"
        for found in methods.values() for example, why, _ in found["reasons"]
        if "bogus" not in example
    ]  # fmt: skip
    if not call["tracked"] and call["refused"]:
        why = sentence(_reason(call["reasons"][0][1]))
        return (INSTEAD if "take `pluggrad." in why else REFUSED), why
    if faults := [fault for found in methods.values() for fault in found.get("faults", ())]:
        keys = ("wrong", "foreign", "right", "refused")
        wrong, foreign, *others = [sum(found[key] for found in methods.values()) for key in keys]
        bad, (example, why) = wrong + foreign, faults[0]
        remarks.insert(0, f"{bad} of {bad + sum(others)} calls came out wrong, such as "
                          f"`{_short(example)}`: {_reason(why)}")  # fmt: skip
    with_gradient = [key for key, found in methods.items() if found["gradients"]]
    text = " ".join(map(sentence, remarks))
    if with_gradient[1:]:
        text = f"Also `.{'`, `.'.join(with_gradient[1:])}`. {text}".strip()
    return (LIMITS if remarks else WORKS if with_gradient else CONSTANT), text


def _short(call: str) -> str:
    """A call with names for arrays, whatever their shapes: `v` for a Variable, `z` for one of complex
    numbers, `i` for one of integers, `a` for an array."""

    def named(found: re.Match[str]) -> str:
        kind, what, shape = found.groups()
        name = {"c": "z", "i": "i"}.get(kind, "v") if what == "v" else what
        return f"{name}[:0]" if shape == "0" else name

    return re.sub(r"\b([a-z])(v|a|list)\b\[([\d,]*)\]", named, call)


def _reason(text: str) -> str:
    """The words of an error, without what it says of other calls."""
    text = text.replace("\\|", "|")
    text = re.sub(r"<function (\w+) at 0x\w+> \(function\)", r"np.\1", text)
    text = re.sub(r",? or a(llow( all of this with `[^`]*`)?)?\.?$", "", text)
    text = re.sub(r"^numpy\.[\w.]+ of .*?: (?=[A-Z])", "", text)
    text = re.sub(r"^numpy\.[\w.]+ (?=does|chooses)", "it ", text)
    return re.sub(r"^.*of a Variable that requires grad: its gradient", "the gradient", text)


def _called(name: str, found: dict[str, Any]) -> tuple[str, str]:
    """The outcome and the remark of a function that was called once."""
    kind, *words = found["numpy"]
    if kind in ("right", "value"):
        return (WORKS if kind == "right" else CONSTANT), ""
    if kind == "warns":
        return CONSTANT, sentence(f"with a warning: {words[0]}")
    others = [space for space in ("pluggrad", "pluggrad.numpy") if space in found]
    if others:
        text = " or ".join(f"`{space}.{name}`" for space in others)
        written_into = ", if Variables are written into it" if "stored" in found["call"] else ""
        return INSTEAD, f"{text}{written_into}."
    return REFUSED, sentence(_reason(words[0]))


# ---------------------------------------------------------------- SciPy


def scipy_tables() -> Tables:
    """SciPy's functions, by their modules."""
    names, found = kept("function-names.json")["scipy"], {}
    own_arrays = scipy_with_arrays()
    for module, part in names.items():
        if module == "version":
            continue
        rows = [Row(name, *_offered(module, name)) for name in part["own"]]
        for why, refused in part["refused"].items():
            for name in refused:
                over = own_arrays.get(f"{module}.{name}")
                rows.append(
                    Row(name, LIMITS, over) if over else Row(name, REFUSED, sentence(_reason(why)))
                )
        found[f"scipy.{module}"] = sorted(rows, key=lambda row: row.name.lower())
    for full, words in own_arrays.items():
        module, _, name = full.rpartition(".")
        if module not in names:
            found.setdefault(f"scipy.{module}", []).append(Row(name, LIMITS, words))
    return dict(sorted(found.items()))


def scipy_with_arrays() -> dict[str, str]:
    """SciPy's functions that take Variables themselves, by the table in compatibility.md, and over
    what."""
    text = (DOCS / "compatibility.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.M)[1]
    found = {}
    for name, *marks in re.findall(
        r"^\| (\w+(?:\.\w+)+)(?:[:,][^|]*)? \| (\S*) \| (\S*) \|", section, flags=re.M
    ):
        over = [word for mark, word in zip(marks, ("NumPy", "torch"), strict=True) if mark == "✓"]
        if over:
            found.setdefault(name, f"`scipy.{name}` itself, with `SCIPY_ARRAY_API=1`; tested over "
                                   f"{' and '.join(over)}.")  # fmt: skip
    return found


def _offered(module: str, name: str) -> tuple[str, str]:
    """The outcome and the remark of a function of `pluggrad.scipy`."""
    full = f"{module}.{name}"
    row = kept("scipy-table.json")["rows"].get(full)
    if row is None and module == "special":
        row = _of_the_suite(full)
    if row is None:
        return (CONSTANT, "") if full in CONSTANTS else (WORKS, OWN_TESTS)
    limits: dict[str, list[str]] = defaultdict(list)
    for backend in BACKENDS:
        if words := _limits(row.get(backend, {"value": "–"})):
            limits[words].append(BACKENDS[backend])
    parts = [
        f"not over {' or '.join(over)}" if words == "–"
        else words if len(over) == len(BACKENDS) else f"over {' and '.join(over)}: {words}"
        for words, over in limits.items()
    ]  # fmt: skip
    return (LIMITS, " ".join(map(sentence, parts))) if parts else (WORKS, "")


def _of_the_suite(full: str) -> dict[str, dict[str, str]] | None:
    """The marks of a function of `pluggrad.special`, in the form of scipy-table.json."""
    found = rulebook.measured().get(full)
    if not found:
        return None
    kinds = {"first": "1", "second": "2", "forward": "f", "vmap": "v"}
    return {
        backend: {name: "✓" if kind in marks else "?" for name, kind in kinds.items()}
        for backend, marks in found.items()
    }


def _limits(marks: dict[str, str]) -> str:
    """What is not right of a function over a library, in words; "–" if it raises, whatever is asked."""
    named: dict[str, list[str]] = defaultdict(list)
    for key, words in ASKED.items():
        named[marks.get(key, "✓")].append(words)
    if set(marks.values()) == {"–"}:
        return "–"
    words = {"✗": "{} wrong", "≈": "{} to fewer digits", "–": "no {}", "?": "{} not judged"}
    parts = [text.format(", ".join(named[mark])) for mark, text in words.items() if named[mark]]
    return "; ".join(parts)


# ---------------------------------------------------------------- torch


def torch_tables() -> Tables:
    """torch's functions, by their modules."""
    ways = {
        "ours": (WORKS, RULE), "torch's": (WORKS, "By torch's own derivative."), "plain": (CONSTANT, ""),
        "writes": (WORKS, "Writes in place, as `v[...] = value` does."),
    }  # fmt: skip
    limits: dict[str, str] = {}
    for found in kept("torch-sweep.json")["dtypes"].values():
        for name, why in found["refused"].items():
            limits[f"torch.{name}"] = re.sub(r"^\w+Error: |,?( and)? *$", "", why)  # some were cut
    tables: Tables = {}
    for place, answers in kept("torch-functions.json")["functions"].items():
        rows = []
        for answer, reasons in answers.items():
            for reason, names in reasons.items():
                for name in names:
                    outcome, remark = ways.get(answer, (REFUSED, sentence(reason)))
                    spelt = SPELLINGS.get(name) if place == "torch.Tensor" else None
                    if limit := spelt or limits.get(f"{place}.{name}"):
                        outcome, remark = LIMITS, sentence(limit)
                    rows.append(Row(name, outcome, remark))
        tables[place] = sorted(rows, key=lambda row: (row.name.lower(), row.name))
    return tables


# ---------------------------------------------------------------- the page


@functools.cache
def tables() -> dict[str, Tables]:
    """All rows, by library and by module."""
    return {"numpy": numpy_tables(), "scipy": scipy_tables(), "torch": torch_tables()}


def versions() -> dict[str, str]:
    """The version of each library that was measured."""
    return {
        "numpy": kept("numpy-sweep.json")["numpy"], "scipy": kept("scipy-table.json")["scipy"],
        "torch": kept("torch-functions.json")["torch"],
    }  # fmt: skip


def counts() -> Iterator[str]:
    """The lines of the table of counts."""
    found = {
        library: Counter(row.outcome for rows in tables()[library].values() for row in rows)
        for library in LIBRARIES
    }
    yield "| | " + " | ".join(f"{LIBRARIES[key]} {versions()[key]}" for key in LIBRARIES) + " |"
    yield "|---" * (len(LIBRARIES) + 1) + "|"
    for outcome in OUTCOMES:
        yield f"| {outcome} | " + " | ".join(str(found[key][outcome]) for key in LIBRARIES) + " |"
    yield "| all | " + " | ".join(str(sum(found[key].values())) for key in LIBRARIES) + " |"


def marked(text: str) -> str:
    """Markdown's code as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def written(module: str, rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a module's table, in HTML: Markdown would take long for thousands of rows."""
    yield "```{raw} html"
    yield ("<div class='table-wrapper'><table class='functions docutils'><thead><tr><th>function</th>"
           "<th>outcome</th><th>remark</th></tr></thead><tbody>")  # fmt: skip
    for row in rows:
        kind = row.outcome.replace(" ", "-")
        yield (f"<tr id='{module}.{html.escape(row.name)}'><td><code>{html.escape(row.name)}</code> </td>"
               f"<td class='{kind}'>{row.outcome} </td><td>{marked(row.remark)}</td></tr>")  # fmt: skip
    yield "</tbody></table></div>"
    yield "```"


def page() -> str:
    """The page, in Markdown."""
    words = {"numpy": NUMPY, "scipy": SCIPY, "torch": TORCH}
    lines = [HEAD, *counts(), "", "```{raw} html", SEARCH, "```", ""]
    for library, title in LIBRARIES.items():
        lines += [f"## {title}", "", words[library].format(version=versions()[library])]
        for module, rows in tables()[library].items():
            lines += [f"### {module}", "", *written(module, rows), ""]
    return "\n".join(lines) + "\n"
