"""Look at the built site in headless Chromium: ``python docs/look.py``, after ``docs/build.py``.

    python docs/look.py [--site build/site] [--pictures build/site-pictures]

Every page is opened on a desktop and on a phone. It fails if a page is wider than the window, if a
script fails, if a picture does not load, or if the search does not find what it should. It takes
pictures of a few pages in light and dark. Needs Selenium, Chromium and its driver.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from base64 import b64decode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

BUILD = Path(__file__).resolve().parents[1] / "build"
DESKTOP, PHONE = (1280, 900), (390, 844)
#: Pages to take pictures of, and how far down.
PICTURES = {
    "index": 0, "functions": 900, "tutorial": 900, "from-jax": 500, "rules": 900, "api/transforms": 0,
    "api/elementwise": 3000, "how-it-works": 700, "compatibility": 1200, "benchmarks": 0,
}  # fmt: skip
#: What to search for, and a page that must be found.
SEARCHES = {
    "vmap": "api/transforms.html", "cholesky": "api/linalg.html", "svd": "functions.html",
}  # fmt: skip
#: What sticks out of the window, unless something around it scrolls.
OVERFLOW = """
const wide = [], width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width + 1) wide.push("the page");
for (const image of document.images)
    if (image.complete && !image.naturalWidth) wide.push("missing " + image.src);
return wide;
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and does not talk about it."""

    def log_message(self, *arguments: Any) -> None: ...


def serve(site: Path) -> ThreadingHTTPServer:
    """The site, as a server has it: searching reads pages, which a browser does not do in files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def open_browser() -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--hide-scrollbars"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def resize(driver: Any, size: tuple[int, int], dark: bool = False) -> None:
    """A window of that size; small ones are phones."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def faults(driver: Any, url: str) -> list[str]:
    """What is wrong with a page."""
    driver.get(url)
    found = list(driver.execute_script(OVERFLOW))
    messages = [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]
    return found + [text for text in messages if "/favicon.ico" not in text]


def search(driver: Any, address: str, words: str, page: str) -> list[str]:
    driver.get(f"{address}/search.html?q={words}")
    links = "return [...document.querySelectorAll('#search-results a')].map(a => a.href)"
    try:
        WebDriverWait(driver, 20).until(
            lambda d: any(page in link for link in d.execute_script(links))
        )
    except Exception:
        return [f"the search for {words} does not find {page}"]
    return []


def picture(driver: Any, url: str, down: int, path: Path) -> None:
    driver.get(url)
    driver.execute_script("window.scrollTo({top: arguments[0], behavior: 'instant'})", down)
    png = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    path.write_bytes(b64decode(png))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=BUILD / "site")
    parser.add_argument("--pictures", type=Path, default=BUILD / "site-pictures")
    arguments = parser.parse_args()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    server, driver = serve(arguments.site), open_browser()
    address = f"http://127.0.0.1:{server.server_port}"
    found: list[str] = []
    try:
        pages = [p for p in arguments.site.rglob("*.html") if p.parent.name != "reports"]
        for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            resize(driver, size)
            for page in sorted(pages):
                path = page.relative_to(arguments.site).as_posix()
                found += [f"{name}, {path}: {f}" for f in faults(driver, f"{address}/{path}")]
            for words, target in SEARCHES.items():
                found += search(driver, address, words, target)
            for dark in (False, True):
                resize(driver, size, dark)
                for path, down in PICTURES.items():
                    shade = "dark" if dark else "light"
                    target_file = f"{path.replace('/', '-')}-{name}-{shade}.png"
                    if (arguments.site / f"{path}.html").exists():
                        picture(driver, f"{address}/{path}.html", down,
                                arguments.pictures / target_file)  # fmt: skip
    finally:
        driver.quit()
        server.shutdown()
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(pages)} pages, {len(found)} faults; pictures in {arguments.pictures}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
