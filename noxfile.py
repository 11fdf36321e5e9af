"""What is checked on more than one Python, or on other versions than the usual ones.

    nox -s full               everything: some hours on two cores
    nox -s build wheel        the wheel and the sdist, and the wheel alone on each Python
    nox -s numpy_alone        the tests with NumPy alone, for each Python
    nox -s newest             all tests, with the pins of constraints.txt, for each Python
    nox -s oldest             all tests, with the oldest versions that pyproject.toml admits

A Python that is not installed is left out, and nox says so; ``nox -s numpy_alone-3.12`` is one
alone. What follows ``--`` is passed to pytest. With pyenv, ``PYENV_VERSION=3.11:3.12:3.13`` makes
several Pythons visible.
"""

from __future__ import annotations

from pathlib import Path

import nox

HERE = Path(__file__).parent
PYTHONS = ["3.11", "3.12", "3.13"]
#: One thread for each test process: the processes are the parallelism.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

nox.options.sessions = ["build", "wheel"]
nox.options.error_on_missing_interpreters = False


@nox.session
def full(session: nox.Session) -> None:
    """Everything below."""
    for name in ("build", "wheel", "numpy_alone", "newest", "oldest"):
        session.notify(name)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the sdist into dist/, and check them as a package index does."""
    session.install("build", "twine")
    dist = HERE / "dist"
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    session.run("twine", "check", "--strict", *map(str, sorted(dist.glob("*"))))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The built wheel in an empty environment: the README's first command, and what imports it."""
    found = sorted((HERE / "dist").glob("*.whl"))
    if not found:
        session.error("dist/ holds no wheel: `nox -s build` makes it")
    session.install(str(found[-1]))
    session.chdir(session.create_tmp())  # where no pluggrad lies
    session.run("pluggrad", "tour", silent=True)
    session.run("pluggrad", "backends")
    for command in ("backends", "tour", "conformance", "compare"):
        session.run("pluggrad", command, "--help", silent=True)


@nox.session(python=PYTHONS)
def numpy_alone(session: nox.Session) -> None:
    """The tests with NumPy alone."""
    session.install(".")
    session.install("-c", "constraints.txt", "pytest", "pytest-xdist", "hypothesis", "mpmath")
    session.run("pytest", "tests", "-n", "auto", "-q", *session.posargs, env=THREADS)


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """All tests, the slow ones, too, with the pins."""
    session.install("-c", "constraints.txt", "-e", ".[test]")
    session.run("pytest", "-n", "auto", "-q", "-m", "", *session.posargs, env=THREADS)


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """All tests, the slow ones, too, with the oldest versions of what pluggrad computes with."""
    floors = HERE / "constraints-oldest.txt"
    session.install("-c", str(floors), "-e", ".[test]")
    session.run("pytest", "-n", "auto", "-q", "-m", "", *session.posargs, env=THREADS)
