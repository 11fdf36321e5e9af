"""Functions of real packages, adopted: values as the plain call's, gradients as differences.

`tests/adoption/packages.py` has the calls. ``python docs/adoption_table.py`` judges all packages that
are installed, and writes docs/adopted.md.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.adoption.judge import judge
from tests.adoption.packages import PACKAGES
from tests.support.examples import load_example
from tests.support.optional import needs
from tests.support.slow import slow_if

#: Small packages that import quickly, and how many of their calls pass; the others are refused.
RIGHT = {
    "ahrs": 10, "chemicals": 12, "colour-science": 20, "filterpy": 12, "fluids": 12, "galpy": 5,
    "hydroeval": 4, "iapws": 6, "numpy-financial": 11, "pvlib": 23, "pyet": 6, "seawater": 7,
    "transforms3d": 11,
}  # fmt: skip
QUICK = ("colour-science", "filterpy", "hydroeval", "pvlib")  # the others are marked slow


@pytest.fixture(autouse=True)
def numbers_print_as_before():
    """colour-science changes how NumPy prints when it is imported."""
    with np.printoptions():
        yield


@pytest.mark.parametrize("name", [slow_if(name not in QUICK, name) for name in RIGHT])
def test_calls_of(name):
    package = PACKAGES[name]
    needs(package.module)
    found = judge(package)
    verdicts = [row["verdict"] for row in found]
    others = [row for row in found if row["verdict"] not in ("right", "refused")]
    assert others == []
    assert verdicts.count("right") >= RIGHT[name], [r for r in found if r["verdict"] != "right"]


@pytest.mark.parametrize("name, module, says", [
    ("solar_panel", "pvlib", "Jacobians of pvlib"), ("colour_pipeline", "colour", "gamma 1.80"),
])  # fmt: skip
def test_examples(name, module, says, tmp_path, capsys, monkeypatch):
    needs(module)
    needs("scipy", "matplotlib")
    picture = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--picture", str(picture)])
    load_example(name).main()
    assert says in capsys.readouterr().out
    assert picture.stat().st_size > 5000
