"""Pictures of a report for the documentation: ``python screenshots.py RUN/report.html docs/images``.

Needs Selenium, Chromium, its driver, Pillow, and pdftoppm for the printed page.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def main(page: Path, folder: Path) -> None:
    """Take all the pictures: desktop in light and dark, a cell, a phone, paper."""
    folder.mkdir(parents=True, exist_ok=True)
    driver = open_browser()
    try:
        show(driver, page, 1280, 860)
        save(driver, folder / "conformance-summary.png")
        scroll(driver, "h-matrix")
        save(driver, folder / "conformance-matrix.png")
        open_worst(driver)
        save(driver, folder / "conformance-cell.png")
        show(driver, page, 1280, 860, dark=True)
        scroll(driver, "h-matrix")
        save(driver, folder / "conformance-dark.png")
        show(driver, page, 390, 844)
        scroll(driver, "h-matrix")
        save(driver, folder / "conformance-phone.png")
        open_worst(driver)
        save(driver, folder / "conformance-phone-cell.png")
        show(driver, page, 1280, 860)
        paper = {"printBackground": True, "paperWidth": 8.27, "paperHeight": 11.69}
        pdf = b64decode(driver.execute_cdp_cmd("Page.printToPDF", paper)["data"])
        save_pages(pdf, folder / "conformance-print.png")
    finally:
        driver.quit()


def open_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--hide-scrollbars"):  # fmt: skip
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def show(driver, page, width, height, dark=False):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    driver.get("about:blank")
    driver.get(page.resolve().as_uri())
    ready = "return document.documentElement.dataset.ready"
    WebDriverWait(driver, 30).until(lambda d: d.execute_script(ready))


def scroll(driver, name):
    driver.execute_script("document.getElementById(arguments[0]).scrollIntoView()", name)


def open_worst(driver):
    """The way down to the worst cell."""
    driver.execute_script("""
        const cell = [...Array(total).keys()].sort(byWorst)[0];
        const name = word("operation", cell), backend = word("backend", cell);
        squares.find((s) => s.operation === name && s.backend === backend)
            .button.scrollIntoView({block: "center"});
        openCell(cell);
        panel.scrollTop = 0;""")
    driver.find_element(By.ID, "panel")


def save(driver, path):
    png = b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
    shrink(Image.open(io.BytesIO(png)), path)


def save_pages(pdf, path, count=2):
    """The first pages of a PDF, side by side."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.pdf").write_bytes(pdf)
        command = ["pdftoppm", "-r", "70", "-png", "-l", str(count), "a.pdf", "page"]
        subprocess.run(command, cwd=folder, check=True)
        pages = [Image.open(p).convert("RGB") for p in sorted(Path(folder).glob("page*.png"))]
        sheet = Image.new("RGB", (sum(p.width + 8 for p in pages) - 8, pages[0].height), "#999")
        for number, page in enumerate(pages):
            sheet.paste(page, (number * (page.width + 8), 0))
        shrink(sheet, path)


def shrink(image, path):
    """A palette is enough for flat areas and text."""
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
