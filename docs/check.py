"""Whether the links of the built site lead somewhere: ``python docs/check.py build/site``.

`docs/build.py` calls it. Pages and files are looked for, and so are the places inside of pages. Links
to other sites are not followed: the site is built, and checked, without a network.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the places that links may lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = {"", "top"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.places.add(value or "")


@cache
def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken(site: Path) -> list[str]:
    """Each link that leads nowhere, with the page that it is on."""
    found = []
    for path in sorted(site.rglob("*.html")):
        if path.parent.name == "reports":  # made by other programs, which test them
            continue
        for link in dict.fromkeys(read(path).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            if target.is_dir():
                target /= "index.html"
            place = unquote(parts.fragment)
            if not target.exists():
                found.append(f"{path.relative_to(site)}: {link} does not exist")
            elif place and target.suffix == ".html" and place not in read(target).places:
                found.append(f"{path.relative_to(site)}: {link} has no such place")
    return found


def main(site: Path) -> int:
    """Print the broken links; the exit status says whether there are any."""
    found = broken(site.resolve())
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
