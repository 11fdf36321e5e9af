"""Learn to read handwritten digits, define-by-run, on any backend.

The data are scikit-learn's 1,797 bundled images of 8×8 pixels. A network with one hidden layer is
trained on four fifths of them by plain gradient descent on minibatches, and tested on the rest.
Then every installed backend, and torch.autograd itself, take the same 100 steps from the same
weights in float64. A table shows how far their losses differ.

    python examples/digits.py --backend numpy
    python examples/digits.py --backend torch --picture digits.png
    python examples/digits.py --backend jax --no-compare

Needs: pip install 'pluggrad[examples]', and the backends to compare.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("JAX_ENABLE_X64", "1")  # before jax is imported, for float64

import numpy as np

import pluggrad as pg

ACCURACY_WANTED = 0.95
DIFFERENCE_ALLOWED = 1e-9
REFERENCE = "torch.autograd"


# ---------------------------------------------------------------- the network


def loss_of(xp: Any, weights: Sequence[Any], images: Any, labels: Any) -> Any:
    """The mean negative log-likelihood of the one-hot `labels`."""
    z = logits(xp, weights, images)
    z = z - xp.max(z.detach(), axis=1, keepdims=True)  # exp cannot overflow
    likelihood = z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return -xp.sum(likelihood * labels) / labels.shape[0]


def logits(xp: Any, weights: Sequence[Any], images: Any) -> Any:
    """The output of the network before softmax."""
    w1, b1, w2, b2 = weights
    return xp.tanh(images @ w1 + b1) @ w2 + b2


def descend(
    kit: Kit, weights: Sequence[Any], batches: Iterator[tuple[Any, Any]], rate: float
) -> Iterator[float]:
    """One step of gradient descent per minibatch; yields its loss."""
    for images, labels in batches:
        loss = loss_of(kit.xp, weights, images, labels)
        loss.backward()
        with kit.no_grad():
            for w in weights:
                w -= rate * w.grad
                w.grad = None
        yield loss.detach().item()


class Kit(NamedTuple):
    """What the training loop needs from a library: functions, leaves, constants, and `no_grad`."""

    xp: Any
    leaf: Callable[[np.ndarray], Any]
    constant: Callable[[np.ndarray], Any]
    no_grad: Callable[[], AbstractContextManager[Any]]


def kit_of(name: str, device: str | None = None) -> Kit:
    """pluggrad on the backend `name`, or torch itself for "torch.autograd"."""
    if name == REFERENCE:
        import array_api_compat.torch as xp
        import torch

        return Kit(xp, lambda a: torch.tensor(a, requires_grad=True), torch.tensor, torch.no_grad)
    xp = pg.namespace(name)
    where = {} if device is None else {"device": device_called(device, name)}

    def constant(a: np.ndarray) -> Any:
        return xp.asarray(a, **where)

    return Kit(xp, lambda a: pg.Variable(constant(a), requires_grad=True), constant, pg.no_grad)


def device_called(text: str, backend: str) -> Any:
    """The first device of the backend whose name contains `text`. (JAX has device objects, torch
    names.)"""
    devices = pg.namespace(backend).__array_namespace_info__().devices()
    for device in devices:
        if text.lower() in str(device).lower():
            return device
    raise SystemExit(f"{backend} has no device {text!r} here, only {', '.join(map(str, devices))}")


# ---------------------------------------------------------------- the data


class Digits(NamedTuple):
    """Pixels between 0 and 1, and one-hot labels."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(seed: int = 0) -> Digits:
    """The images in random order: four fifths to train on, the rest to test on."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order] / 16, np.eye(10)[labels[order]]
    cut = len(images) * 4 // 5
    return Digits(images[:cut], labels[:cut], images[cut:], labels[cut:])


def initial_weights(hidden: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Random weights and zero biases, the same for the same seed."""
    rng = np.random.default_rng(seed)
    w1 = rng.normal(0, 1 / 8, (64, hidden))
    w2 = rng.normal(0, 1 / np.sqrt(hidden), (hidden, 10))
    return [w1, np.zeros(hidden), w2, np.zeros(10)]


def minibatches(kit: Kit, digits: Digits, size: int, seed: int = 0) -> Iterator[tuple[Any, Any]]:
    """An endless stream of minibatches, all of one size because JAX compiles for each shape."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(digits.images))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            yield kit.constant(digits.images[chosen]), kit.constant(digits.labels[chosen])


# ---------------------------------------------------------------- training


class History(NamedTuple):
    """The loss of each step, the test accuracy after each epoch, and the total seconds."""

    losses: list[float]
    accuracies: list[float]
    seconds: float


def train(
    backend: str,
    digits: Digits,
    *,
    epochs: int = 30,
    batch: int = 32,
    rate: float = 0.3,
    hidden: int = 64,
    seed: int = 0,
    device: str | None = None,
    report: Callable[[float, float], None] = lambda loss, accuracy: None,
) -> History:
    """Train from random weights; `report(loss, accuracy)` is called after each step."""
    kit = kit_of(backend, device)
    weights = [kit.leaf(a) for a in initial_weights(hidden, seed)]
    test_images = kit.constant(digits.test_images)
    answers = kit.xp.argmax(kit.constant(digits.test_labels), axis=1)
    steps = descend(kit, weights, minibatches(kit, digits, batch, seed), rate)
    losses: list[float] = []
    accuracies: list[float] = []
    start = time.perf_counter()
    for _ in range(epochs):
        for _ in range(len(digits.images) // batch):
            losses.append(next(steps))
            report(losses[-1], accuracies[-1] if accuracies else 0.0)
        with kit.no_grad():
            guesses = kit.xp.argmax(logits(kit.xp, weights, test_images), axis=1)
        right = kit.xp.sum(kit.xp.astype(guesses == answers, kit.xp.float64))
        accuracies.append(right.item() / len(digits.test_images))
    return History(losses, accuracies, time.perf_counter() - start)


def loss_curve(name: str, digits: Digits, steps: int = 100) -> list[float]:
    """The losses of the first `steps` steps. Weights and minibatches are the same for every `name`:
    a backend or "torch.autograd"."""
    kit = kit_of(name)
    weights = [kit.leaf(a) for a in initial_weights()]
    losses = descend(kit, weights, minibatches(kit, digits, 64), rate=0.3)
    return [next(losses) for _ in range(steps)]


def difference(curve: Sequence[float], reference: Sequence[float]) -> float:
    """The largest relative difference between two loss curves."""
    return max(abs(a - b) / abs(b) for a, b in zip(curve, reference, strict=True))


# ---------------------------------------------------------------- output


def show_training(options: argparse.Namespace, digits: Digits) -> History:
    """Train, with a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("loss {task.fields[loss]:.4f}"),
               TextColumn("test accuracy {task.fields[accuracy]:.1%}"),
               TimeElapsedColumn())  # fmt: skip
    total = options.epochs * (len(digits.images) // options.batch)
    with Progress(*columns) as progress:
        task = progress.add_task(options.backend, total=total, loss=0.0, accuracy=0.0)

        def report(loss: float, accuracy: float) -> None:
            progress.update(task, advance=1, loss=loss, accuracy=accuracy)

        history = train(
            options.backend, digits, epochs=options.epochs, batch=options.batch, rate=options.rate,
            hidden=options.hidden, seed=options.seed, device=options.device, report=report,
        )  # fmt: skip
        progress.update(task, accuracy=history.accuracies[-1])
    return history


def draw(history: History, title: str, path: Path) -> None:
    """Draw the learning curve: the loss of each step, and the accuracy after each epoch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps, epochs = len(history.losses), len(history.accuracies)
    window = steps // epochs
    mean = np.convolve(history.losses, np.ones(window) / window, "valid")
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    left.semilogy(history.losses, color="0.8", label="minibatch")
    left.semilogy(range(window - 1, steps), mean, label="mean of an epoch")
    left.set(xlabel="step", ylabel="training loss")
    left.legend()
    right.plot(range(1, epochs + 1), [100 * a for a in history.accuracies], marker=".")
    right.axhline(100 * ACCURACY_WANTED, color="0.7", linestyle="--")
    right.set(xlabel="epoch", ylabel="test accuracy, %")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def compare(digits: Digits, steps: int) -> bool:
    """Print the table of loss curves, and return whether they agree."""
    from rich.console import Console
    from rich.table import Table

    names = [name for name, about in pg.backends().items() if about["installed"]]
    if "torch" in names:
        names.insert(0, REFERENCE)
    table = Table("", title=f"the same {steps} steps from the same weights, float64")
    for heading in ("first loss", "last loss", "apart, relative", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    reference: list[float] = []
    agree = True
    for name in names:
        start = time.perf_counter()
        try:
            curve = loss_curve(name, digits, steps)
        except Exception as error:
            table.add_row(name, f"{type(error).__name__}: {error}")
            agree = False
            continue
        seconds = time.perf_counter() - start
        reference = reference or curve
        apart = difference(curve, reference)
        agree = agree and apart <= DIFFERENCE_ALLOWED
        shown = "the reference" if curve is reference else f"{apart:.1e}"
        table.add_row(name, f"{curve[0]:.12f}", f"{curve[-1]:.12f}", shown, f"{seconds:.2f}")
    Console().print(table)
    return agree


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    about, _, how = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=how, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", default="numpy", metavar="NAME",
                        help="numpy (default), torch, jax, strict or another")  # fmt: skip
    parser.add_argument("--device", help="where the arrays live, such as cuda")
    parser.add_argument("--epochs", type=int, default=30, help="default: 30")
    parser.add_argument("--batch", type=int, default=32, help="images per step (default: 32)")
    parser.add_argument("--rate", type=float, default=0.3, help="learning rate (default: 0.3)")
    parser.add_argument("--hidden", type=int, default=64, help="hidden units (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the order")
    parser.add_argument("--picture", type=Path, metavar="PNG",
                        help="learning curve (default: out/digits-NAME.png)")  # fmt: skip
    parser.add_argument("--steps", type=int, default=100, help="to compare (default: 100)")
    parser.add_argument("--no-compare", action="store_true", help="train only")
    options = parser.parse_args(argv)
    try:
        pg.namespace(options.backend)
    except pg.PluggradError as error:
        parser.error(str(error))
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Train, draw and compare; 0 if all went well, else 1."""
    options = parse(argv)
    picture = options.picture or Path("out", f"digits-{options.backend}.png")
    digits = load()
    print(f"{len(digits.images)} images to learn from, {len(digits.test_images)} to test on")
    history = show_training(options, digits)
    accuracy = history.accuracies[-1]
    print(
        f"test accuracy {accuracy:.1%} after {len(history.losses)} steps, {history.seconds:.1f} s"
    )
    draw(history, f"pluggrad on {options.backend}: test accuracy {accuracy:.1%}", picture)
    print(f"learning curve: {picture}\n")
    failed = accuracy < ACCURACY_WANTED
    if failed:
        print(f"the test accuracy is below {ACCURACY_WANTED:.0%}", file=sys.stderr)
    if not options.no_compare and not compare(digits, options.steps):
        print(f"loss curves differ by more than {DIFFERENCE_ALLOWED}", file=sys.stderr)
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
