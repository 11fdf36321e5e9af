"""Find the conductivity of a rod: a simulation in NumPy inside an optimiser of torch.

The heat equation on a rod is solved by implicit steps, each of which is a linear system. The
simulation knows nothing of torch; `pg.interop.torch.wrap` makes it an operation in torch's graph,
next to torch's own layers. LBFGS then fits the conductivity, as a function of the place on the rod,
to measured temperatures.

    python examples/interop.py
    python examples/interop.py --backend jax
"""

from __future__ import annotations

import argparse
from typing import Any

import pluggrad as pg

CELLS, STEPS, DT = 16, 12, 0.05


def simulate(conductivity: Any, start: Any) -> Any:
    """The temperatures of the cells after each step; `conductivity` is between neighbouring
    cells."""
    xp = conductivity.__array_namespace__()
    eye = xp.eye(CELLS, dtype=start.dtype)
    difference = eye[1:, :] - eye[:-1, :]
    flow = difference.T @ (conductivity[:, None] * difference)
    temperatures = [start]
    for _ in range(STEPS):
        temperatures.append(xp.linalg.solve(eye + DT * flow, temperatures[-1]))
    return xp.stack(temperatures[1:])


def fit(backend: str = "numpy", rounds: int = 25) -> dict[str, Any]:
    """The conductivity found, the true one, and the loss of each evaluation."""
    import torch

    rod = pg.interop.torch.wrap(simulate, backend=backend)
    place = torch.linspace(0.0, 1.0, CELLS - 1, dtype=torch.float64)
    truth = 2.0 + torch.sin(5.0 * place)
    start = torch.zeros(CELLS, dtype=torch.float64)
    start[::3] = 1.0
    measured = rod(truth, start)

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1), torch.nn.Softplus()
    ).double()
    optimiser = torch.optim.LBFGS(
        network.parameters(), max_iter=rounds, line_search_fn="strong_wolfe"
    )
    losses = []

    def closure() -> Any:
        optimiser.zero_grad()
        loss = 1e3 * ((rod(network(place[:, None])[:, 0], start) - measured) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(4):
        optimiser.step(closure)
    with torch.no_grad():
        found = network(place[:, None])[:, 0]
    return {"found": found, "truth": truth, "losses": losses}


def main() -> None:
    """Print the loss, and the conductivity found next to the true one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="numpy", help="of the simulation: %(default)s")
    result = fit(parser.parse_args().backend)
    print(f"loss {result['losses'][0]:.4f} -> {result['losses'][-1]:.6f}")
    for found, true in zip(result["found"], result["truth"], strict=True):
        print(f"{float(found):7.3f}   true {float(true):7.3f}")


if __name__ == "__main__":
    main()
