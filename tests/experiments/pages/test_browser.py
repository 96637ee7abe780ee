"""Reports in a browser: Debian's Chromium, driven by playwright, judged by axe."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from meterstorm.experiments.drawing import lines
from meterstorm.experiments.drawing.figure import Key, Table
from meterstorm.experiments.drawing.lines import Axis, Line, Plot
from meterstorm.experiments.pages.chapters import Chapter, Group, Report
from playwright.sync_api import Browser, Page, sync_playwright

from support.pages import HOSTILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.slow,
]
HOUR_S = 3600.0
WIDTHS = [1280, 360]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser):
    """Open a file in a window of its own, and note what it asks for, says and complains of."""
    contexts = []

    def _opened(file: Path, width: int = 1280, **settings) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **settings))
        page = contexts[-1].new_page()
        page.heard = []
        page.on("request", lambda request: page.heard.append(request.url))
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("dialog", lambda dialog: page.heard.append(dialog.message))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield _opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def report_file(run_folder) -> Path:
    return run_folder / "report.html"


@pytest.fixture(scope="module")
def ramp_file(tmp_path_factory) -> Path:
    """A page with a line that is as high as its time is late, in hours, and with a table to sort."""
    x = np.linspace(0, 10 * HOUR_S, 500)
    keys = [Key("rising", 0), Key("falling", 1)]
    plot = Plot(
        [Line(keys[0], x, x / HOUR_S), Line(keys[1], x, 10 - x / HOUR_S)], Axis("time", is_time=True), Axis("h")
    )
    figure = lines.figure("ramp", "Ramp", "Rises and falls.", plot)
    table = Table(["name", "value"], [["a", "9"], ["b", "-"], ["c", "1,200 ± 3"], ["d", "-5"], ["e", "inf"]])
    chapter = Chapter("ramp", "Ramp", groups=[Group("", [figure])], tables=[("Values", table)])
    file = tmp_path_factory.mktemp("ramp") / "page.html"
    file.write_text(Report("Ramp", "It rises.", keys, [chapter]).html(), encoding="utf-8")
    return file


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, report_file, scheme, width):
    page = opened(report_file, width, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_nothing_is_asked_for_said_or_run(opened, report_file):
    """But the file itself; names with scripts in them are names."""
    page = opened(report_file)
    page.mouse.wheel(0, 5000)
    page.locator("svg.plot").first.hover()
    assert page.heard == [report_file.as_uri()]
    assert page.locator("img").count() == 0
    assert HOSTILE[0] in page.locator("fieldset").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_no_wider_than_its_window(opened, report_file, width):
    page = opened(report_file, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_words_in_figures_are_not_small_on_a_telephone(opened, ramp_file):
    page = opened(ramp_file, 360)
    heights = page.evaluate(
        "[...document.querySelectorAll('svg.plot text')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(heights) >= 9


def test_without_scripts_it_is_whole_and_arms_can_be_switched_off(opened, ramp_file):
    page = opened(ramp_file, java_script_enabled=False)
    rising = page.locator("path.line.k0").first
    assert page.locator("figure").is_visible() and page.locator("table").last.is_visible()
    assert rising.is_visible()
    page.get_by_label("rising").uncheck()
    assert not rising.is_visible()
    assert page.locator("path.line.k1").first.is_visible()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_pointer_shows_the_values_under_it(opened, ramp_file, share):
    """The line is as high as its time, and the other one the rest of ten hours."""
    page = opened(ramp_file)
    box = page.locator("svg.plot").bounding_box()
    page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    time, rising, falling = page.locator(".tip").inner_text().splitlines()
    hours, _, minutes = time.removesuffix(" min").removesuffix(" h").partition(" h ")
    assert rising.split() == [rising.split()[0], "rising"] and falling.split()[1] == "falling"
    assert float(rising.split()[0]) == pytest.approx(int(hours) + int(minutes or 0) / 60, abs=0.02)
    assert float(falling.split()[0]) == pytest.approx(10 - float(rising.split()[0]), abs=0.02)


def test_a_pointer_that_leaves_takes_the_values_along(opened, ramp_file):
    page = opened(ramp_file)
    page.locator("svg.plot").hover()
    assert page.locator(".tip").is_visible()
    page.mouse.move(0, 0)
    assert not page.locator(".tip").is_visible()


def test_a_head_sorts_by_numbers_and_the_other_way_round(opened, ramp_file):
    """Words come after all numbers."""
    page = opened(ramp_file)
    head = page.locator("table.sorts button").nth(1)
    orders = []
    for _ in range(2):
        head.click()
        orders.append("".join(page.locator("table.sorts tbody th").all_inner_texts()))
    assert orders == ["daceb", "becad"]
    assert page.locator("table.sorts th[aria-sort=descending]").count() == 1


def test_print_is_light_without_what_is_for_screens(opened, report_file):
    page = opened(report_file, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not any(page.locator(kind).first.is_visible() for kind in ("nav", "fieldset", "details"))
    assert page.locator("figure").last.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_sixty_figures_of_four_dense_lines_are_small(browser, tmp_path):
    """100,000 points a line: at most 3 MB of file and 30 MB of heap."""
    rng = np.random.default_rng(5)
    keys = [Key(f"arm {n}", n) for n in range(4)]
    x = np.linspace(0, 10 * HOUR_S, 100_000)
    figures = []
    for n in range(60):
        shown = [Line(key, x, 100 + np.cumsum(rng.normal(size=len(x)))) for key in keys]
        plot = Plot(shown, Axis("time", is_time=True), Axis("users"))
        figures.append(lines.figure(f"figure {n}", f"Figure {n}", "Walks at random.", plot))
    file = tmp_path / "sixty.html"
    chapter = Chapter("walks", "Walks", groups=[Group("", figures)])
    file.write_text(Report("Sixty", "They walk.", keys, [chapter]).html(), encoding="utf-8")
    assert file.stat().st_size <= 3_000_000
    page = browser.new_page()
    page.goto(file.as_uri())
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    assert session.send("Runtime.getHeapUsage")["usedSize"] <= 30_000_000
    page.close()
