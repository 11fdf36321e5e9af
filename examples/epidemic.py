"""One gradient through three frameworks: an epidemic in JAX, a network in torch, counts in NumPy.

A network of torch says how contagious the disease is, from the temperature and from how many people
go out. A simulation in JAX, scanned and compiled, lets the epidemic run with that. A likelihood in
NumPy and SciPy compares it with the cases that were counted: late, in part, and more scattered than
chance alone would make them. None of the three knows of the others. One `.backward()` gives the
gradient for the weights of the network, the rates of the simulation and the scatter of the counts;
every component of it is checked by finite differences. Then SciPy's L-BFGS fits everything at once.

    python examples/epidemic.py
    python examples/epidemic.py --rounds 300 --folder /tmp

Writes epidemic.svg, the graph of the likelihood, and epidemic.png, the fit.

Needs: pip install 'pluggrad[examples,torch,jax]'.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("JAX_ENABLE_X64", "1")  # before jax is imported, for float64

import jax
import jax.numpy as jnp
import numpy as np
import torch

import pluggrad as pg
from pluggrad.scipy import stats

DAYS, PEOPLE, SUBSTEPS = 120, 1e6, 4
ERROR_ALLOWED = 1e-7
#: The probability that an infection is counted so many days later.
DELAY = np.asarray([0.0, 0.05, 0.15, 0.25, 0.25, 0.15, 0.1, 0.05])

# ---------------------------------------------------------------- a simulation in JAX


@jax.jit
def simulate(contagion: Any, rates: Any) -> Any:
    """The new infections of each day, for how contagious the disease is on each day.

    `rates` are three: by which the infected become infectious and the infectious recover, each per
    day, and the part of the people that is infected on the first day.
    """
    outbreak, recovery, infected = rates

    def substep(state: Any, beta: Any) -> tuple[Any, Any]:
        susceptible, exposed, infectious = state
        infections = beta * susceptible * infectious / SUBSTEPS
        onsets, recoveries = outbreak * exposed / SUBSTEPS, recovery * infectious / SUBSTEPS
        return (susceptible - infections, exposed + infections - onsets,
                infectious + onsets - recoveries), infections  # fmt: skip

    start = (1.0 - infected, infected, jnp.zeros_like(infected))
    _, found = jax.lax.scan(substep, start, jnp.repeat(contagion, SUBSTEPS))
    return PEOPLE * jnp.sum(jnp.reshape(found, (-1, SUBSTEPS)), axis=1)


# ---------------------------------------------------------------- a network in torch


class Contagion(torch.nn.Module):  # type: ignore[misc]
    """How contagious the disease is, from what is known of each day: always positive."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.last = torch.nn.Linear(2, 6), torch.nn.Linear(6, 1)

    def forward(self, days: Any) -> Any:
        """The contagion of each day; `days` has a row for each."""
        return torch.nn.functional.softplus(self.last(torch.tanh(self.hidden(days)))[:, 0])


# ---------------------------------------------------------------- a likelihood in NumPy


def surprise(infections: Any, counted: Any, reported: Any, scatter: Any) -> Any:
    """The negative logarithm of the probability of the counted cases, per day: they are late, a
    part of all, and of a negative binomial distribution."""
    expected = reported * np.convolve(infections, DELAY)[: len(counted)] + 1e-3
    size = 1 / scatter
    return -np.mean(stats.nbinom.logpmf(counted, size, size / (size + expected)))


# ---------------------------------------------------------------- all three together


class Data(NamedTuple):
    """What is known of each day, the cases counted, and the truth to be found."""

    days: np.ndarray
    counted: np.ndarray
    contagion: np.ndarray


def invent(seed: int = 0) -> Data:
    """Two waves of an epidemic, with a lockdown between them."""
    rng = np.random.default_rng(seed)
    t = np.arange(DAYS)
    temperature = np.cos(2 * np.pi * (t + 10) / 180) + 0.1 * rng.normal(size=DAYS)
    going_out = 1.0 - 0.8 * (np.abs(t - 50) < 16) + 0.05 * rng.normal(size=DAYS)
    contagion = 0.45 * going_out * (1.0 - 0.35 * np.tanh(temperature))
    infections = np.asarray(simulate(contagion, np.asarray([0.3, 0.2, 2e-3])))
    expected = 0.4 * np.convolve(infections, DELAY)[:DAYS] + 1e-3
    counted = rng.negative_binomial(20, 20 / (20 + expected)).astype(np.float64)
    return Data(np.stack([temperature, going_out], axis=1), counted, contagion)


class Model:
    """The Variables, and the loss that they make."""

    def __init__(self, data: Data, seed: int = 1) -> None:
        torch.manual_seed(seed)
        network = Contagion().double()
        self.data = data
        self.contagion = pg.interop.torch.module(network)
        self.simulate = pg.interop.jax.call(simulate)

        def leaf(values: Any) -> pg.Variable:
            return pg.Variable(np.array(values, dtype=np.float64), requires_grad=True)

        #: The weights by torch's names, as arrays of NumPy, as all else is.
        self.weights = {n: leaf(p.detach().numpy()) for n, p in network.named_parameters()}
        self.rates = leaf(np.log([0.25, 0.25, 1e-3]))  # logarithms: all of these are positive
        self.counting = leaf(np.log([0.5, 0.2]))  # what part is reported, and the scatter

    def variables(self) -> dict[str, tuple[str, pg.Variable]]:
        """Each Variable with the framework that computes with it."""
        found = {name: ("torch", v) for name, v in self.weights.items()}
        found["log rates"] = ("JAX", self.rates)
        found["log reported, scatter"] = ("NumPy", self.counting)
        return found

    def loss(self) -> Any:
        """The surprise per day, with what is known of the rates beforehand and a little decay of
        the weights."""
        contagion = self.contagion(self.weights, self.data.days)
        infections = self.simulate(contagion, np.exp(self.rates))
        reported, scatter = np.exp(self.counting)
        known = np.sum((self.rates[:2] - np.log([0.3, 0.2])) ** 2) + (
            (self.counting[0] - np.log(0.4)) ** 2
        )  # from studies of the disease: the counts alone do not tell all apart
        decay = sum([np.sum(w * w) for w in self.weights.values()])
        return surprise(infections, self.data.counted, reported, scatter) + known + 1e-3 * decay

    def gradients(self) -> list[Any]:
        """Those of all Variables: one backward."""
        leaves = [v for _, v in self.variables().values()]
        for v in leaves:
            v.grad = None
        self.loss().backward()
        return [v.grad.data for v in leaves]


class Row(NamedTuple):
    """What is printed of a Variable."""

    name: str
    framework: str
    shape: tuple[int, ...]
    gradient: Any
    by_differences: Any

    @property
    def apart(self) -> float:
        """How far gradient and differences are apart, relative to the largest component."""
        largest = np.max(np.abs(self.by_differences))
        return float(np.max(np.abs(self.gradient - self.by_differences)) / largest)


def check(model: Model, step: float = 1e-3) -> list[Row]:
    """The gradients beside central differences of the loss, in every component of every
    Variable. Differences of two step sizes cancel each other's first error."""

    def loss_without_recording() -> float:
        with pg.no_grad():
            return float(model.loss())

    def slope(values: np.ndarray, place: Any, h: float) -> float:
        middle = values[place]
        values[place] = middle + h
        above = loss_without_recording()
        values[place] = middle - h
        below = loss_without_recording()
        values[place] = middle
        return (above - below) / (2 * h)

    rows = []
    gradients = model.gradients()
    for (name, (framework, v)), g in zip(model.variables().items(), gradients, strict=True):
        values, found = v.data, np.empty(v.shape)
        for place in np.ndindex(*v.shape):
            found[place] = (4 * slope(values, place, step / 2) - slope(values, place, step)) / 3
        rows.append(Row(name, framework, tuple(v.shape), g, found))
    return rows


def fit(model: Model, rounds: int, report: Callable[[float], None] = lambda loss: None) -> Any:
    """Fit all Variables at once by SciPy's L-BFGS; `report(loss)` is called after each round."""
    from scipy.optimize import minimize

    leaves = [v for _, v in model.variables().values()]
    cuts = np.cumsum([v.size for v in leaves])[:-1]

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        for v, part in zip(leaves, np.split(flat, cuts), strict=True):
            v.data = part.reshape(v.shape).copy()
            v.grad = None
        loss = model.loss()
        loss.backward()
        return float(loss.data), np.concatenate([v.grad.data.ravel() for v in leaves])

    start = np.concatenate([v.data.ravel() for v in leaves])
    result = minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": rounds},
        callback=lambda intermediate_result: report(intermediate_result.fun),
    )  # fmt: skip
    value_and_gradient(result.x)
    return result


# ---------------------------------------------------------------- output


def show(rows: Sequence[Row]) -> None:
    """Print the gradients beside the differences."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="gradients of one .backward(), and how far differences are apart")
    for heading in ("Variable", "used in", "shape"):
        table.add_column(heading, no_wrap=True)
    for heading in ("largest", "apart"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        largest = np.asarray(row.gradient).flat[np.argmax(np.abs(row.gradient))]
        shape = "×".join(map(str, row.shape))
        table.add_row(row.name, row.framework, shape, f"{largest:+.8f}", f"{row.apart:.1e}")
    Console().print(table)


def show_fit(model: Model, before: float, after: float) -> None:
    """Print what was found beside the truth."""
    from rich.console import Console
    from rich.table import Table

    outbreak, recovery, infected = np.exp(model.rates.data)
    reported, scatter = np.exp(model.counting.data)
    error = np.abs(contagion_of(model) / model.data.contagion - 1)[5:]
    table = Table("", title=f"the fit: loss {before:.4f} → {after:.4f}")
    table.add_column("found", justify="right")
    table.add_column("true", justify="right")
    for name, found, true in (
        ("outbreak, per day", outbreak, 0.3), ("recovery, per day", recovery, 0.2),
        ("infected at first", infected, 2e-3), ("part reported", reported, 0.4),
        ("scatter", scatter, 0.05),
    ):  # fmt: skip
        table.add_row(name, f"{found:.4g}", f"{true:g}")
    table.add_row("contagion, mean error", f"{np.mean(error):.1%}", "0")
    Console().print(table)


def contagion_of(model: Model) -> Any:
    """How contagious the disease is on each day, as found."""
    with pg.no_grad():
        return model.contagion(model.weights, model.data.days).data


def draw_fit(model: Model, path: Path) -> None:
    """Draw the counts beside the expected ones, and the contagion beside the true one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    contagion = contagion_of(model)
    infections = np.asarray(simulate(contagion, np.exp(model.rates.data)))
    expected = np.exp(model.counting.data[0]) * np.convolve(infections, DELAY)[:DAYS]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.semilogy(model.data.counted, ".", color="0.6", label="counted")
    left.plot(expected, label="expected by the fit")
    left.set(xlabel="day", ylabel="cases")
    right.plot(model.data.contagion, color="0.6", label="true")
    right.plot(contagion, label="found by the network")
    right.set(xlabel="day", ylabel="contagion")
    for axes in (left, right):
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def draw_graph(model: Model, path: Path) -> Any:
    """Draw the graph of the surprise, in which each foreign function is one box."""
    contagion = model.contagion(model.weights, model.data.days)
    rates = np.exp(model.rates)
    infections = model.simulate(contagion, rates)
    reported, scatter = np.exp(model.counting)
    loss = surprise(infections, model.data.counted, reported, scatter)
    names = {**model.weights, "log rates": model.rates, "log reported, scatter": model.counting,
             "contagion": contagion, "infections": infections}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    return pg.draw({"surprise": loss}, path, names=names)


def main(argv: Sequence[str] | None = None) -> int:
    """Check, fit and draw; 0 if every component of the gradient is right, else 1."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    about, _, how = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=how, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="of the fit (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the data (default: 0)")
    parser.add_argument("--folder", type=Path, default=Path("out"), help="default: %(default)s")
    options = parser.parse_args(argv)
    model = Model(invent(options.seed))
    before = float(model.loss().detach())
    rows = check(model)
    show(rows)
    drawing = draw_graph(model, options.folder / "epidemic.svg")
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("loss {task.fields[loss]:.5f}"))  # fmt: skip
    with Progress(*columns) as progress:
        task = progress.add_task("L-BFGS", total=options.rounds, loss=before)
        result = fit(model, options.rounds,
                     lambda loss: progress.update(task, advance=1, loss=loss))  # fmt: skip
        progress.update(task, total=result.nit)
    show_fit(model, before, float(result.fun))
    draw_fit(model, options.folder / "epidemic.png")
    print(f"{options.folder / 'epidemic.svg'}: {drawing!r}\n{options.folder / 'epidemic.png'}")
    worst = max(row.apart for row in rows)
    if worst > ERROR_ALLOWED:
        print(f"gradient and differences are {worst:.1e} apart", file=sys.stderr)
    return int(worst > ERROR_ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
