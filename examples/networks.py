"""Train a convolutional network and a transformer with torch.optim, on gradients of pluggrad.

Both learn scikit-learn's 1,797 handwritten digits of 8×8 pixels, in float64, three times from the
same seeds: by torch's own loop; by the same loop on `pg.interop.torch.module`, where the whole
module is one operation of the graph; and with torch's functions called on Variables, each an
operation of its own. The optimizer is torch's in all three. The loss curves are equal to rounding.

    python examples/networks.py
    python examples/networks.py --network transformer --epochs 20 --picture /tmp/curves.png

Needs: pip install 'pluggrad[examples,torch]'.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

import pluggrad as pg

DIFFERENCE_ALLOWED = 1e-9
DROPOUT = 0.1

# ---------------------------------------------------------------- the networks


class Convolutional(torch.nn.Module):  # type: ignore[misc]
    """Two convolutions with a normalization between them, pooling, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.norm = torch.nn.GroupNorm(2, 8)
        self.second = torch.nn.Conv2d(8, 16, 3, padding=1)
        self.last = torch.nn.Linear(64, 10)

    def forward(self, images: Any) -> Any:
        """Logits, of images of the shape (N, 8, 8)."""
        x = F.max_pool2d(F.relu(self.norm(self.first(images[:, None]))), 2)
        x = F.avg_pool2d(F.relu(self.second(x)), 2)
        return self.last(x.flatten(1))


def convolutional(p: dict[str, Any], images: Any, training: bool = True) -> Any:
    """The same, as a function of its parameters."""
    x = F.conv2d(images[:, None], p["first.weight"], p["first.bias"], padding=1)
    x = F.max_pool2d(F.relu(F.group_norm(x, 2, p["norm.weight"], p["norm.bias"])), 2)
    x = F.relu(F.conv2d(x, p["second.weight"], p["second.bias"], padding=1))
    x = torch.flatten(F.avg_pool2d(x, 2), 1)
    return F.linear(x, p["last.weight"], p["last.bias"])


class Transformer(torch.nn.Module):  # type: ignore[misc]
    """A transformer block that reads an image row by row: 8 tokens of 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Linear(8, 32)
        self.places = torch.nn.Parameter(0.1 * torch.randn(8, 32))
        self.block = torch.nn.TransformerEncoderLayer(
            32, 4, 64, dropout=DROPOUT, activation="gelu", batch_first=True, norm_first=True
        )
        self.last = torch.nn.Linear(32, 10)

    def forward(self, images: Any) -> Any:
        """Logits, of images of the shape (N, 8, 8)."""
        return self.last(self.block(self.embed(images) + self.places).mean(1))


def transformer(p: dict[str, Any], images: Any, training: bool = True) -> Any:
    """The same, as a function of its parameters."""

    def linear(name: str, x: Any) -> Any:
        return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

    def norm(name: str, x: Any) -> Any:
        return F.layer_norm(x, (32,), p[f"{name}.weight"], p[f"{name}.bias"])

    def drop(x: Any) -> Any:
        return F.dropout(x, DROPOUT, training)

    def heads(x: Any) -> Any:
        return torch.transpose(torch.unflatten(x, -1, (4, 8)), 1, 2)

    x = linear("embed", images) + p["places"]
    mixed = F.linear(norm("block.norm1", x), p["block.self_attn.in_proj_weight"],
                     p["block.self_attn.in_proj_bias"])  # fmt: skip
    seen = F.scaled_dot_product_attention(
        *[heads(part) for part in torch.chunk(mixed, 3, -1)], dropout_p=DROPOUT * training
    )
    # torch's module has the tokens in front here, and dropout draws in the order of the memory.
    seen = torch.flatten(torch.permute(seen, (2, 0, 1, 3)), 2)
    x = x + drop(torch.transpose(linear("block.self_attn.out_proj", seen), 0, 1))
    wide = drop(F.gelu(linear("block.linear1", norm("block.norm2", x))))
    x = x + drop(linear("block.linear2", wide))
    return linear("last", torch.mean(x, 1))


class Network(NamedTuple):
    """A network as a module and as a function, and how it is optimized."""

    module: Callable[[], Any]
    function: Callable[[dict[str, Any], Any, bool], Any]
    optimizer: Callable[..., Any]
    settings: dict[str, Any]


NETWORKS = {
    "convolutional": Network(
        Convolutional, convolutional, torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    ),
    "transformer": Network(
        Transformer, transformer, torch.optim.AdamW, {"lr": 3e-3, "weight_decay": 1e-2},
    ),
}  # fmt: skip

# ---------------------------------------------------------------- the three ways


class Way(NamedTuple):
    """A network that is called with images and whether it trains, and its optimizer."""

    logits: Callable[[Any, bool], Any]
    optimizer: Any


def by_torch(network: Network, module: Any) -> Way:
    """torch's own autograd."""
    optimizer = network.optimizer(module.parameters(), **network.settings)
    return Way(lambda images, training: module.train(training)(images), optimizer)


def by_module(network: Network, module: Any) -> Way:
    """pluggrad, with the module as one operation."""
    f = pg.interop.torch.module(module)
    optimizer = pg.interop.torch.optimizer(network.optimizer, f.parameters, **network.settings)
    return Way(lambda images, training: f.train(training)(f.parameters, images), optimizer)


def by_functions(network: Network, module: Any) -> Way:
    """pluggrad, with each function of torch as an operation."""
    p = {name: pg.Variable(w.detach().clone(), requires_grad=True)
         for name, w in module.named_parameters()}  # fmt: skip
    optimizer = pg.interop.torch.optimizer(network.optimizer, p, **network.settings)
    return Way(lambda images, training: network.function(p, images, training), optimizer)


WAYS = {
    "torch": by_torch,
    "by module": by_module,
    "by functions": by_functions,
}

# ---------------------------------------------------------------- training


class Digits(NamedTuple):
    """Pixels between 0 and 1, and labels."""

    images: Any
    labels: Any
    test_images: Any
    test_labels: Any


def load(seed: int = 0) -> Digits:
    """The images in random order: four fifths to train on, the rest to test on."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.images))
    images, labels = torch.tensor(found.images[order] / 16), torch.tensor(found.target[order])
    cut = len(order) * 4 // 5
    return Digits(images[:cut], labels[:cut], images[cut:], labels[cut:])


def train(
    way: str, network: Network, digits: Digits, steps: int, batch: int = 64, seed: int = 0
) -> Iterator[tuple[float, Way]]:
    """Train, and yield the loss of each step. This loop is the same for torch and for pluggrad."""
    torch.manual_seed(seed)
    logits, optimizer = made = WAYS[way](network, network.module().double())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        getattr(optimizer, "torch", optimizer), steps
    )
    for _ in range(steps):
        chosen = torch.randint(len(digits.images), (batch,))
        loss = F.cross_entropy(logits(digits.images[chosen], True), digits.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.item(), made


def accuracy(way: Way, digits: Digits) -> float:
    """How many of the test images are read right."""
    with torch.no_grad():
        right = way.logits(digits.test_images, False).argmax(-1) == digits.test_labels
        return float(right.double().mean().item())


class History(NamedTuple):
    """The loss of each step, the test accuracy at the end, and the seconds of the median step."""

    losses: list[float]
    accuracy: float
    seconds: float


def history(
    way: str, network: Network, digits: Digits, steps: int, seed: int = 0,
    report: Callable[[float], None] = lambda loss: None,
) -> History:  # fmt: skip
    """Train, and test once at the end; `report(loss)` is called after each step."""
    losses, times, made = [], [time.perf_counter()], None
    for loss, made in train(way, network, digits, steps, seed=seed):  # noqa: B007
        losses.append(loss)
        times.append(time.perf_counter())
        report(loss)
    seconds = float(np.median(np.diff(times)))
    assert made is not None
    return History(losses, accuracy(made, digits), seconds)


def difference(curve: Sequence[float], reference: Sequence[float]) -> float:
    """The largest difference between two loss curves, relative to the first loss."""
    return max(abs(a - b) for a, b in zip(curve, reference, strict=True)) / reference[0]


# ---------------------------------------------------------------- output


def compare(names: Sequence[str], digits: Digits, steps: int,
            seed: int) -> dict[str, dict[str, History]]:  # fmt: skip
    """Train each network in each way, with progress bars."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:27}"), BarColumn(20), MofNCompleteColumn(),
               TextColumn("loss {task.fields[loss]:.5f}"), TimeElapsedColumn())  # fmt: skip
    found: dict[str, dict[str, History]] = {}
    with Progress(*columns) as progress:
        for name in names:
            found[name] = {}
            for way in WAYS:
                task = progress.add_task(f"{name}: {way}", total=steps, loss=0.0)
                found[name][way] = history(
                    way, NETWORKS[name], digits, steps, seed,
                    lambda loss, task=task: progress.update(task, advance=1, loss=loss),
                )  # fmt: skip
    return found


def show(found: dict[str, dict[str, History]]) -> bool:
    """Print the table of all curves, and return whether they agree with torch's."""
    from rich.console import Console
    from rich.table import Column, Table

    agree = True
    for name, curves in found.items():
        reference = curves["torch"].losses
        shown = [0, len(reference) // 2, len(reference) - 1]
        table = Table(
            Column(no_wrap=True), title=f"{name}: the losses of the same steps from the same seeds"
        )
        steps = [f"step {n + 1}" for n in shown]
        for heading in (*steps, "apart", "right", "ms/step"):
            table.add_column(heading, justify="right", no_wrap=True)
        for way, (losses, right, seconds) in curves.items():
            apart = difference(losses, reference)
            agree = agree and apart <= DIFFERENCE_ALLOWED
            table.add_row(way, *[f"{losses[n]:.7f}" for n in shown], f"{apart:.1e}",
                          f"{right:.1%}", f"{1e3 * seconds:.1f}")  # fmt: skip
        Console().print(table)
    return agree


def draw(found: dict[str, dict[str, History]], path: Path) -> None:
    """Draw the curves of all ways over each other, and how far they are from torch's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5 * len(found)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(found), 2, squeeze=False)
    styles = {"torch": ("0.75", 4.0), "by module": ("C0", 1.5),
              "by functions": ("C1", 0.7)}  # fmt: skip
    for (left, right), (name, curves) in zip(rows, found.items(), strict=True):
        reference = np.asarray(curves["torch"].losses)
        for way, (losses, *_) in curves.items():
            color, width = styles[way]
            left.semilogy(losses, color=color, linewidth=width, label=way)
            if way != "torch":
                apart = np.abs(np.asarray(losses) - reference) / reference[0]
                right.semilogy(np.maximum(apart, 1e-18), color=color, label=way)
        left.set(title=name, xlabel="step", ylabel="training loss")
        right.set(title="apart from torch, relative (1e-18: equal)", xlabel="step")
        left.legend()
        right.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, draw and compare; 0 if the curves agree, else 1."""
    about, _, how = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=how, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=[*NETWORKS, "both"], default="both")
    parser.add_argument("--epochs", type=int, default=10, help="default: 10")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--picture", type=Path, metavar="PNG", default=Path("out", "networks.png"),
                        help="of the curves (default: %(default)s)")  # fmt: skip
    options = parser.parse_args(argv)
    digits = load()
    names = list(NETWORKS) if options.network == "both" else [options.network]
    steps = options.epochs * (len(digits.images) // 64)
    found = compare(names, digits, steps, options.seed)
    agree = show(found)
    draw(found, options.picture)
    print(f"curves: {options.picture}")
    if not agree:
        print(f"loss curves differ by more than {DIFFERENCE_ALLOWED}", file=sys.stderr)
    return int(not agree)


if __name__ == "__main__":
    sys.exit(main())
