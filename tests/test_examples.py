"""The examples run, on every backend that they are for, and show what they say."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.support.examples import EXAMPLES, load_example
from tests.support.optional import installed, needs

not_the_strict_one = pytest.mark.parametrize("backend", installed("numpy", "torch", "jax"))


@not_the_strict_one
def test_debugging(backend, capsys, monkeypatch):
    module = load_example("debugging")
    found = module.run(backend)
    assert np.isnan(np.asarray(found["plain"])[0])
    assert "'log'" in found["report"] and "debugging.py" in found["report"]
    np.testing.assert_allclose(np.asarray(found["strong"]), [-1.0, 1.0, -0.5])
    x = np.asarray([-1.0, 0.5])
    hooks = found["hooks"]
    np.testing.assert_allclose(hooks["leaf"], -2 * np.exp(-2 * x), rtol=1e-6)
    np.testing.assert_allclose(hooks["at_h"], 2 * np.exp(-x), rtol=1e-6)
    assert hooks["bytes"] > 0
    expected = "cannot be changed" if backend == "jax" else "'multiply' had saved"
    assert expected in found["change"]
    assert "backward derivative of output 0 by input 0 is wrong" in found["mistake"]
    monkeypatch.setattr(sys, "argv", ["debugging.py", "--backend", backend])
    module.main()
    assert "detect_anomaly says" in capsys.readouterr().out


def test_the_help_helps(capsys, monkeypatch):
    for path in sorted(EXAMPLES.glob("*.py")):
        try:
            module = load_example(path.stem)
        except ImportError:
            continue  # it needs a library that is not here
        monkeypatch.setattr(sys, "argv", [path.name, "--help"])
        with pytest.raises(SystemExit) as stop:
            module.main()
        assert stop.value.code == 0
        assert f"usage: {path.name}" in capsys.readouterr().out


@pytest.mark.parametrize("backend", installed("jax", "torch"))
def test_compiled(backend):
    if backend == "torch":
        needs("torch", minversion="2.13")
    found = load_example("compiled").run(backend, rounds=1, engine="eager")
    for facts in found.values():
        for a, b in zip(facts["weights"], found["as it is"]["weights"], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@not_the_strict_one
def test_implicit(backend):
    found = load_example("implicit").run(backend)
    E = np.asarray(found["E"])
    M = np.linspace(0.1, 3.0, 5)
    np.testing.assert_allclose(E - 0.4 * np.sin(E), M, rtol=1e-12)
    slope = 1 / (1 - 0.4 * np.cos(E))
    np.testing.assert_allclose(np.asarray(found["dE/dM"]), slope)
    np.testing.assert_allclose(np.asarray(found["d²E/dM²"]), -0.4 * np.sin(E) * slope**3)
    np.testing.assert_allclose(np.asarray(found["along (1, 1)"]), (1 + np.sin(E)) * slope)
    for name in ("implicit", "unrolled"):
        assert len(found[name]) == 2
    for got, expected in zip(found["implicit"], found["unrolled"], strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-8)


@not_the_strict_one
def test_threads(backend):
    error, tasks, total, said = load_example("threads").run(backend).values()
    assert error < 1e-12
    assert tasks == {"inside no_grad": False, "beside it": True}
    assert total == 400.0
    assert ("immutable" if backend == "jax" else "'multiply' had saved") in said


def test_epidemic(tmp_path, capsys):
    for library in ("torch", "jax", "scipy", "rich", "matplotlib"):
        needs(library)
    example = load_example("epidemic")
    assert example.main(["--rounds", "30", "--folder", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    assert "39 operations" in said and "contagion, mean error" in said
    graph = (tmp_path / "new" / "epidemic.svg").read_text()
    assert "contagion = Contagion" in graph and "infections = simulate" in graph
    assert (tmp_path / "new" / "epidemic.png").read_bytes().startswith(b"\x89PNG")
    model = example.Model(example.invent(), seed=2)
    rows = example.check(model)
    assert {row.framework for row in rows} == {"torch", "JAX", "NumPy"}
    for row in rows:
        assert row.apart < example.ERROR_ALLOWED, row.name
        assert np.all(row.gradient != 0), row.name
    start = float(model.loss().detach())
    assert example.fit(model, 30).fun < 0.1 * start


@pytest.mark.parametrize("name", ["convolutional", "transformer"])
def test_networks(name):
    for library in ("torch", "sklearn"):
        needs(library)
    example = load_example("networks")
    digits = example.load()
    found = {way: example.history(way, example.NETWORKS[name], digits, 15) for way in example.WAYS}
    reference = found.pop("torch")
    assert len(reference.losses) == 15
    assert reference.losses[-1] < 0.99 * reference.losses[0]
    for way, history in found.items():
        assert example.difference(history.losses, reference.losses) < 1e-13, way
        assert history.accuracy == reference.accuracy, way


def test_networks_as_a_command(tmp_path, capsys):
    for library in ("torch", "sklearn", "rich", "matplotlib"):
        needs(library)
    example = load_example("networks")
    picture = tmp_path / "new" / "curves.png"
    arguments = ["--network", "convolutional", "--epochs", "1", "--picture", str(picture)]
    assert example.main(arguments) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "by functions" in capsys.readouterr().out


# ---------------------------------------------------------------- compiled


def test_a_compiled_fit_takes_the_same_steps(tmp_path, capsys):
    needs("scipy")
    module = load_example("fast_fit")
    found = module.run(starts=2)
    eager, compiled = found["eager"], found["compiled"]
    np.testing.assert_array_equal(eager["x"], compiled["x"])
    assert eager["loss"] == compiled["loss"] and eager["evaluations"] == compiled["evaluations"]
    scope = {}
    exec(str(found["source"]), scope)  # the printed gradient runs without pluggrad
    gradient = scope["loss"](module.TRUE, TIMES=module.TIMES, SIGNAL=module.SIGNAL)
    np.testing.assert_array_equal(gradient, module.pg.grad(module.loss)(module.TRUE))
    needs("matplotlib")
    module.main(["--starts", "1", "--picture", str(tmp_path / "fit.png")])
    assert "to the last bit" in capsys.readouterr().out and (tmp_path / "fit.png").exists()


# ---------------------------------------------------------------- SciPy inside of models


def scipy_example(name):
    needs("scipy")
    return load_example(name)


def test_a_differential_equation_is_fitted():
    found = scipy_example("ode_fit").run(rounds=8)
    assert found["error"] < 1e-4 and found["after"] < 0.5 * found["before"]
    # Near to the fit that is known for these data.
    np.testing.assert_allclose(found["parameters"][:4], [0.54, 0.027, 0.8, 0.024], rtol=0.2)


def test_a_conductivity_is_found():
    found = scipy_example("sparse_inverse").run(10, rounds=60)
    assert found["error"] < 1e-6 and found["after"] < 0.6 * found["before"]


def test_images_are_registered():
    module = scipy_example("registration")
    found = module.run(32, blurs=(3.0, 0.5), rounds=25)
    assert found["error"] < 1e-6 and found["after"] < 1e-3 * found["before"]
    np.testing.assert_allclose(found["parameters"][:2], module.TRUTH[:2], atol=5e-3)


def test_a_filter_and_its_signal_are_found():
    module = scipy_example("deconvolution")
    found = module.run(150, rounds=150)
    assert found["error"] < 1e-6
    np.testing.assert_allclose(found["kept"], module.TRUTH, atol=0.1)
    assert np.corrcoef(found["signal"], found["pulses"])[0, 1] > 0.95


def test_moving_knots_fit_better():
    found = scipy_example("spline_fit").run(rounds=40)
    assert found["error"] < 1e-6 and found["after"] < 0.5 * found["before"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ode_fit", ["--rounds", "1"]),
        ("sparse_inverse", ["--size", "6", "--rounds", "2"]),
        ("registration", ["--size", "16", "--rounds", "1"]),
        ("deconvolution", ["--size", "60", "--rounds", "3"]),
        ("spline_fit", ["--knots", "5", "--rounds", "3"]),
    ],
)
def test_pictures_of_models(name, options, tmp_path, capsys, monkeypatch):
    needs("matplotlib")
    module, picture = scipy_example(name), tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options, "--picture", str(picture)])
    module.main()
    assert "off a finite difference" in capsys.readouterr().out
    assert picture.stat().st_size > 5000
