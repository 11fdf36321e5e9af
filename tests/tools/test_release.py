"""What a release says of itself: one version everywhere, extras that exist, links that lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import pluggrad as pg

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="needs the sources of the project"
)


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_the_same_everywhere(project):
    version = project["project"]["version"]
    cited = (ROOT / "CITATION.cff").read_text()
    latest = re.search(r"^## \[([\d.]+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert latest is not None
    assert latest[1] == version == re.search(r"^version: (\S+)$", cited, re.M)[1]
    assert latest[2] == re.search(r'^date-released: "(\S+)"$', cited, re.M)[1]


def test_the_extras_that_backends_name_exist(project):
    extras = project["project"]["optional-dependencies"]
    points = project["project"]["entry-points"]["pluggrad.backends"]
    first = {value: name for name, value in reversed(points.items())}  # aliases are no extras
    assert set(first.values()) - set(extras) == {"numpy"}
    named = [facts["install"] for facts in pg.backends().values() if "install" in facts]
    for command in named:
        assert re.search(r"'pluggrad\[(.+)\]'", command)[1] in extras


def test_extras_name_extras_that_exist(project):
    extras = project["project"]["optional-dependencies"]
    for needs in extras.values():
        for names in re.findall(r"pluggrad\[(.+?)\]", " ".join(needs)):
            assert set(names.split(",")) <= set(extras)


def links(text: str) -> list[str]:
    """Where the links and pictures of a page in Markdown lead, if that is in the repository."""
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text)
    return [a or b for a, b in found if not re.match(r"https?:|mailto:", a or b)]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    assert [link for link in links(text) if not (ROOT / link).exists()] == []


def test_the_long_description_has_no_relative_links(project):
    text = (ROOT / "README.md").read_text()
    assert links(text)
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for rule in hook["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    assert links(text) == []
