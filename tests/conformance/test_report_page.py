"""The HTML report in a browser: filters, the way down to a cell, keys, phones, paper, no script.

Runs where Selenium, Chromium and its driver are installed.
"""

from __future__ import annotations

import json
import shutil
import zlib
from base64 import b64decode
from collections import Counter

import pytest

from tests.support.optional import needs

needs("jinja2", "mpmath", "selenium")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("needs chromium and chromedriver", allow_module_level=True)

import synthetic
from synthetic import HOSTILE, every_outcome, result, write_run

from pluggrad_conformance import reports
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.reports.load import worst
from pluggrad_conformance.results import BAD


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    results = every_outcome()
    results += [result(Cell("prod", b, "float64", mode=m), o) for b, m, o in (
        ("numpy", "reverse", "pass"), ("numpy", "vmap", "wrong"), ("torch", "vmap", "convention"))]  # fmt: skip
    folder = write_run(tmp_path_factory.mktemp("page") / "a run#1", results)
    reports.write_reports(folder, ["html"])
    return folder


@pytest.fixture(scope="module")
def run(run_dir):
    return reports.load_run(run_dir)


@pytest.fixture(scope="module")
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--force-device-scale-factor=1"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium, run_dir):
    """The page, open on a desktop."""
    size(chromium, 1280, 900)
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    show(chromium, run_dir)
    yield chromium
    assert [line for line in chromium.get_log("browser") if line["level"] == "SEVERE"] == []


def size(driver, width, height):
    facts = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", facts)


def show(driver, run_dir, place=""):
    driver.get("about:blank")
    driver.get((run_dir / "report.html").as_uri() + place)
    ready = "return document.documentElement.dataset.ready"
    WebDriverWait(driver, 20).until(lambda d: d.execute_script(ready))


def labels(driver):
    """What the squares that can be seen say."""
    script = """return [...document.querySelectorAll('#squares button')]
        .filter(b => b.checkVisibility({visibilityProperty: true})).map(b => b.ariaLabel)"""
    return set(driver.execute_script(script))


def expected(results):
    squares = {}
    for r in results:
        squares.setdefault((r.cell.operation, r.cell.backend), Counter())[r.outcome] += 1
    return {
        f"{name} on {backend}: {worst(n)}, {n[worst(n)]} of {n.total()} cells"
        for (name, backend), n in squares.items()
    }


def filters(driver):
    return driver.find_element(By.ID, "filters")


def choose(driver, name, value):
    Select(filters(driver).find_element(By.NAME, name)).select_by_visible_text(value)


def square(driver, label):
    return driver.find_element(By.CSS_SELECTOR, f'#squares button[aria-label^="{label}:"]')


def panel(driver):
    return driver.find_element(By.ID, "panel")


def visible(driver, selector):
    script = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).length"
    return driver.execute_script(script, selector)


# ---------------------------------------------------------------------- tests


def test_it_opens_alone(browser, run):
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.title == "Conformance of gradients: numpy, torch"
    assert labels(browser) == expected(run.results)
    assert f"{len(run.results)} cells" in filters(browser).find_element(By.TAG_NAME, "output").text


@pytest.mark.parametrize(
    ("name", "value", "keep"),
    [
        ("backend", "torch", lambda r: r.cell.backend == "torch"),
        ("dtype", "complex64", lambda r: r.cell.dtype == "complex64"),
        ("outcome", "wrong", lambda r: r.outcome == "wrong"),
        ("outcome", "oracle-missing", lambda r: r.outcome == "oracle-missing"),
        ("order", "2", lambda r: r.cell.order == 2),
        ("mode", "vmap", lambda r: r.cell.mode == "vmap"),
        ("axis", "shape", lambda r: r.cell.shape != "base"),
        ("axis", "usual in all", lambda r: r.cell.key.count("|") == 2),
        ("kind", "elementwise", lambda r: r.cell.operation == "sin"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_filters(browser, run, name, value, keep):
    if name == "kind":
        keep = lambda r: r.cell.operation in run.operations["elementwise"]
    wanted = [r for r in run.results if keep(r)]
    assert 0 < len(wanted) < len(run.results)
    choose(browser, name, value)
    assert labels(browser) == expected(wanted)
    rows = browser.find_elements(By.CSS_SELECTOR, "#cells tbody tr")
    assert len(rows) == len(wanted)
    assert f"{len(wanted)} of {len(run.results)} cells" in filters(browser).text
    filters(browser).find_element(By.CSS_SELECTOR, "[type=reset]").click()
    WebDriverWait(browser, 5).until(lambda d: labels(d) == expected(run.results))


def test_only_what_is_not_pass(browser, run):
    filters(browser).find_element(By.NAME, "bad").click()
    assert labels(browser) == expected(r for r in run.results if r.outcome != "pass")
    choose(browser, "backend", "torch")
    both = [r for r in run.results if r.outcome != "pass" and r.cell.backend == "torch"]
    assert labels(browser) == expected(both)


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("FFT", lambda r: r.cell.operation == "fft.fft"),
        ("sin float64 mode=forward", lambda r: r.cell.key == "sin|numpy|float64|mode=forward"),
        ("onerror=alert(1)", lambda r: r.cell.operation == HOSTILE),
        ("nothing at all is like this", lambda r: False),
    ],
)
def test_search(browser, run, text, keep):
    wanted = [r for r in run.results if keep(r)]
    filters(browser).find_element(By.NAME, "text").send_keys(text)
    WebDriverWait(browser, 5).until(
        lambda d: f"{len(wanted)} of {len(run.results)}" in filters(d).text
    )
    if text.startswith("sin"):
        wanted = [r for r in run.results if all(w in r.to_line() for w in text.split())] and wanted
    assert labels(browser) == expected(wanted)
    assert browser.find_element(By.ID, "nothing").is_displayed() == (not wanted)


def test_down_to_a_cell(browser, run):
    square(browser, "matmul on numpy").click()
    assert panel(browser).find_element(By.TAG_NAME, "h2").text == "matmul on numpy"
    cells = [r for r in run.results if (r.cell.operation, r.cell.backend) == ("matmul", "numpy")]
    rows = panel(browser).find_elements(By.CSS_SELECTOR, ".cell")
    assert len(rows) == len(cells) > 2
    found = next(r for r in cells if r.outcome == "oracle-conflict" or r.outcome == "timeout")
    row = next(r for r in rows if found.outcome in r.text)
    row.find_element(By.TAG_NAME, "button").click()
    assert found.detail in row.text
    assert f"pluggrad conformance repro '{found.cell.key}'" in row.text
    assert run.scripts[found.cell.id].strip() in "\n".join(
        p.get_property("textContent") for p in row.find_elements(By.TAG_NAME, "pre")
    )
    assert '"size":2' in row.text and "linearity" in row.text
    row.find_element(By.TAG_NAME, "button").click()
    assert row.find_elements(By.CSS_SELECTOR, ".inside") == []


def test_the_oracles_of_a_cell(browser):
    square(browser, "linalg.det on numpy").click()
    row = panel(browser).find_element(By.CSS_SELECTOR, ".cell")  # the worst first
    row.find_element(By.TAG_NAME, "button").click()
    rows = [
        [cell.text for cell in line.find_elements(By.TAG_NAME, "td")]
        for line in row.find_elements(By.CSS_SELECTOR, "tbody tr")
    ]
    assert rows == [
        ["torch", "wrong", "4.0e+12", "6.3e+10"],
        ["jax", "wrong", "4.0e+12", "6.3e+10"],
        ["argmax <2>"],
        ["richardson", "none", "–", "–"],
        ["no step was small enough"],
    ]


def test_the_square_stays_where_it_was(browser):
    button = square(browser, "matmul on numpy")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    top = lambda: browser.execute_script("return arguments[0].getBoundingClientRect().top", button)
    before = top()
    button.click()
    assert abs(top() - before) < 2
    browser.find_element(By.ID, "close").click()
    assert abs(top() - before) < 2


def test_the_panel_keeps_to_the_filters(browser):
    choose(browser, "outcome", "wrong")
    square(browser, "linalg.det on numpy").click()
    assert len(panel(browser).find_elements(By.CSS_SELECTOR, ".cell")) == 1
    panel(browser).find_element(By.XPATH, ".//button[.='Show all']").click()
    assert len(panel(browser).find_elements(By.CSS_SELECTOR, ".cell")) > 1


def test_the_list_of_cells_leads_to_the_panel(browser, run):
    filters(browser).find_element(By.NAME, "bad").click()
    first = browser.find_element(By.CSS_SELECTOR, "#cells tbody tr")
    assert "wrong" in first.text
    first.find_element(By.TAG_NAME, "button").click()
    assert panel(browser).find_element(By.CSS_SELECTOR, "[aria-expanded=true]").is_displayed()


def test_what_is_explained(browser, tmp_path):
    (tmp_path / "known.toml").write_text(
        '[[expect]]\ncells = "sin|numpy|*"\noutcome = "wrong"\nreason = "it is <known>"\n'
        "expires = 2030-01-01\n"
    )
    results = [result(Cell("sin", "numpy", "float32"), "wrong"), result(Cell("sin", "numpy", "float64")),
               result(Cell("exp", "numpy", "float32"), "timeout")]  # fmt: skip
    write_run(tmp_path, results)
    reports.write_reports(tmp_path, ["html"], expectations=tmp_path / "known.toml")
    show(browser, tmp_path)
    known, unknown = (
        "sin on numpy: wrong, 1 of 2 cells, explained",
        "exp on numpy: timeout, 1 of 1 cells",
    )
    assert labels(browser) == {known, unknown}
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#cells tbody tr")]
    assert ["timeout" in rows[0], "it is <known>" in rows[1], "pass" in rows[2]] == [True] * 3
    square(browser, "sin on numpy").click()
    panel(browser).find_element(By.CSS_SELECTOR, ".cell button").click()
    assert "Explained: it is <known> (to be looked at again by 2030-01-01)." in panel(browser).text
    browser.find_element(By.ID, "close").click()
    choose(browser, "outcome", "wrong")
    assert labels(browser) == {"sin on numpy: wrong, 1 of 1 cells, explained"}
    choose(browser, "outcome", "all")
    filters(browser).find_element(By.NAME, "open").click()
    assert labels(browser) == {unknown}


def test_nothing_hostile_happens(browser, run):
    button = next(
        b
        for b in browser.find_elements(By.CSS_SELECTOR, "#squares button")
        if "onerror" in b.get_attribute("aria-label")
    )
    button.click()
    assert panel(browser).find_element(By.TAG_NAME, "h2").text == f"{HOSTILE} on torch"
    assert panel(browser).find_element(By.CSS_SELECTOR, "pre").text == HOSTILE
    assert browser.find_elements(By.TAG_NAME, "img") == []


def test_with_keys_alone(browser):
    first = square(browser, "sin on numpy")
    assert visible(browser, "#squares button[tabindex='0']") == 1
    browser.execute_script("arguments[0].focus()", first)
    keys = webdriver.ActionChains(browser)
    keys.send_keys(Keys.ARROW_RIGHT).perform()
    assert browser.switch_to.active_element.get_attribute("aria-label").startswith("sin on torch")
    keys = webdriver.ActionChains(browser)
    keys.send_keys(Keys.ENTER).perform()
    assert panel(browser).find_element(By.TAG_NAME, "h2").text == "sin on torch"
    assert browser.switch_to.active_element.get_attribute("id") == "panel-title"
    for _ in range(2):  # past the button that closes, to the first cell
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
    webdriver.ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert browser.switch_to.active_element.get_attribute("aria-expanded") == "true"
    webdriver.ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not panel(browser).is_displayed()
    assert browser.switch_to.active_element.get_attribute("aria-label").startswith("sin on torch")


def test_an_address_leads_to_a_cell(browser, run_dir):
    from urllib.parse import quote

    show(browser, run_dir, "#" + quote("sin|numpy|float64"))
    assert panel(browser).find_element(By.TAG_NAME, "h2").text == "sin on numpy"
    opened = panel(browser).find_element(By.CSS_SELECTOR, "[aria-expanded=true]")
    assert opened.text.replace("\n", " ").startswith("✓ float64 pass")


def test_without_decompression_stream(browser, run_dir):
    """Older browsers: the page has an inflate of its own."""
    read = lambda: browser.execute_script("return JSON.stringify(data)")
    modern = read()
    script = {"source": "delete window.DecompressionStream"}
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        show(browser, run_dir)
        assert browser.execute_script("return typeof DecompressionStream") == "undefined"
        assert read() == modern
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_damaged_data_are_said(browser, run_dir, tmp_path):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    begin = text.index('id="data">') + len('id="data">')
    (tmp_path / "report.html").write_text(
        text[:begin] + "H4sI" + text[begin + 400 :], encoding="utf-8"
    )
    browser.get((tmp_path / "report.html").as_uri())
    warning = lambda d: d.find_elements(By.CSS_SELECTOR, "#matrix .warning:not([hidden])")
    WebDriverWait(browser, 10).until(warning)
    assert "cannot be read" in warning(browser)[0].text
    assert visible(browser, "#filters") == 0 and visible(browser, "#squares table") > 0


@pytest.mark.parametrize("level", [0, 1, 6])
def test_the_inflate_of_the_page(browser, level):
    """Every kind of block: stored, fixed codes, dynamic codes."""
    import base64
    import random

    draw = random.Random(level)
    texts = [b"", b"abc", b"abcabcabcabc" * 50, bytes(draw.randrange(256) for _ in range(70_000)),
             "αβγ ∂L/∂x ".encode() * 9000]  # fmt: skip
    for text in texts:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        packed = packer.compress(text) + packer.flush()
        script = """const input = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
            const out = inflate(input); let text = ''; for (const b of out) text += String.fromCharCode(b);
            return btoa(text)"""
        out = browser.execute_script(script, base64.b64encode(packed).decode())
        assert b64decode(out) == text


@pytest.mark.parametrize("width", [320, 360, 390])
def test_on_a_phone(browser, run_dir, width):
    size(browser, width, 780)
    show(browser, run_dir)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    button = square(browser, "matmul on numpy")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    assert button.rect["height"] >= 24
    button.click()
    place = panel(browser).rect
    assert place["width"] == width and place["height"] == 780
    browser.find_element(By.ID, "close").click()
    assert not panel(browser).is_displayed()


def test_in_print(browser):
    square(browser, "matmul on numpy").click()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    for selector in ("#filters", "#panel", "#cells", "nav"):
        assert visible(browser, selector) == 0, selector
    for selector in ("#outcomes table", "#squares table", "figure svg", "#legend", "#run"):
        assert visible(browser, selector) > 0, selector
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    assert b64decode(pdf).startswith(b"%PDF")


def test_a_print_says_which_filters_were_set(browser):
    choose(browser, "outcome", "wrong")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.find_element(By.ID, "filtered").text.startswith(
        "Only cells with outcome wrong: "
    )


def luminance(colour):
    parts = [int(x) / 255 for x in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser, scheme):
    """4.5 to 1 at least, as WCAG AA asks, for all text and every mark."""
    feature = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    script = """const seen = (e) => { const s = getComputedStyle(e); return [s.color, s.backgroundColor, e.className] };
        const paper = getComputedStyle(document.body).backgroundColor;
        const marks = [...document.querySelectorAll('#legend .mark:not(.gone)')].map(seen);
        const plain = ['h1', '.lede', '.aside', '#legend dd', 'nav a', '.matrix thead th', '.matrix tbody th']
            .map(s => [getComputedStyle(document.querySelector(s)).color, paper, s]);
        return [paper, [...marks, ...plain]]"""
    paper, pairs = browser.execute_script(script)
    assert (luminance(paper) > 0.5) == (scheme == "light")
    for front, back, what in pairs:
        low, high = sorted((luminance(front), luminance(back)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (what, front, back)


def test_without_script(browser, run_dir, run):
    """The table of what is to be explained is there, and no dead controls are."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browser.get((run_dir / "report.html").as_uri())
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    names = [
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]
    ]
    assert ("heading", "To explain") in names
    assert not any(role in ("searchbox", "combobox", "checkbox") for role, _ in names)
    text = json.dumps([name for _, name in names], ensure_ascii=False)
    for r in run.results:
        if r.outcome in BAD and r.cell.operation != HOSTILE:
            assert r.detail in text


@pytest.mark.slow
def test_forty_thousand_cells_open_quickly(browser, tmp_path):
    names = [f"linalg.operation_{i}" for i in range(330)]
    write_run(tmp_path, synthetic.many(names, ["numpy", "torch", "jax", "strict", "dask"], 25))
    reports.write_reports(tmp_path, ["html"])
    show(browser, tmp_path)
    assert browser.execute_script("return data.columns.outcome.length") == 41_250
    assert int(browser.execute_script("return document.documentElement.dataset.ready")) < 6000
    script = "const begin = performance.now(); form.elements.bad.click(); return performance.now() - begin"
    assert browser.execute_script(script) < 2000
