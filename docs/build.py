"""Build the site from docs/: one command, without a network.

    pip install '.[docs]'
    python docs/build.py              every page runs; what is wrong is an error
    python docs/build.py --quick      no page runs: links, references, markup (what CI does)
    python docs/build.py --open       show the site when it is there

The site is written to build/site; open build/site/index.html, no server is needed. Pages that run
are kept in build/site-cache until their code changes; `--fresh` runs them all again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

import check

DOCS = Path(__file__).resolve().parent
BUILD = DOCS.parent / "build"


def examples_in_prose() -> int:
    """Run what is written with prompts: `>>> ` and what it should print."""
    pages = [p for p in DOCS.rglob("*.md") if "\n>>> " in p.read_text(encoding="utf-8")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=",
               "--doctest-glob=*.md", "-o", "doctest_optionflags=NORMALIZE_WHITESPACE ELLIPSIS",
               "--import-mode=importlib", *map(str, sorted(pages))]  # fmt: skip
    return subprocess.run(command, cwd=DOCS.parent, check=False).returncode if pages else 0


def build(out: Path, quick: bool, fresh: bool, jobs: str) -> int:
    """Run Sphinx; the exit status is not 0 if there was a warning."""
    # What was read with pages that ran is of no use without, and the other way round.
    doctrees = BUILD / ("site-trees-quick" if quick else "site-trees")
    if fresh:  # Sphinx would not read pages again that it has read, and so would not run them
        for kept in (BUILD / "site-cache", doctrees):
            shutil.rmtree(kept, ignore_errors=True)
    environment = os.environ | {
        "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # figures appear on the page
        "PLUGGRAD_DOCS_QUICK": "1" if quick else "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # Pages call `pluggrad` in a shell: the one that belongs to this Python.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }  # fmt: skip
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-j", jobs, "-W", "--keep-going", "-q",
               "-d", str(doctrees), "-D", f"nb_execution_cache_path={BUILD / 'site-cache'}",
               str(DOCS), str(out)]  # fmt: skip
    return subprocess.run(command, cwd=DOCS.parent, env=environment, check=False).returncode


def without_pictures(out: Path) -> list[str]:
    """The pages whose code draws by matplotlib, and on which there is no picture."""
    drawn = [p for p in DOCS.rglob("*.md") if "import matplotlib" in p.read_text(encoding="utf-8")]
    pages = [out / p.relative_to(DOCS).with_suffix(".html") for p in drawn]
    pages = [p for p in pages if p.exists()]
    return [str(p) for p in pages if "<img" not in p.read_text(encoding="utf-8")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="run no page")
    parser.add_argument("--fresh", action="store_true", help="run every page again")
    parser.add_argument("--out", type=Path, default=BUILD / "site", metavar="FOLDER")
    parser.add_argument("--jobs", default="2", help="how many processes read and write pages")
    parser.add_argument("--open", action="store_true", help="show the site in a browser")
    arguments = parser.parse_args()
    failed = build(arguments.out, arguments.quick, arguments.fresh, arguments.jobs)
    failed = check.main(arguments.out) or failed
    if not arguments.quick:
        failed = examples_in_prose() or failed
        for page in without_pictures(arguments.out):
            print(f"{page}: its figures are missing")
            failed = 1
    if not failed:
        print(f"the site is in {arguments.out / 'index.html'}")
        if arguments.open:
            webbrowser.open((arguments.out / "index.html").resolve().as_uri())
    return failed


if __name__ == "__main__":
    sys.exit(main())
