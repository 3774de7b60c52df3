"""The page in a real browser: whole, quiet, alone, and usable without seeing its pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report.browser import Tab
from tests.report.conftest import HOSTILE, LONG

Open = Callable[[dict[str, Any]], Tab]

pytestmark = [pytest.mark.training, pytest.mark.timeout(1200)]

HEADINGS = [
    "Sample predictions",
    "Worst misclassifications",
    "Confusion matrix",
    "Calibration",
    "Training curves",
    "BatchNorm shift",
    "What the last frozen layer sees",
]


@pytest.fixture(params=["report", "poor_report"])
def result(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.getfixturevalue(request.param)
    return found


def test_the_page_has_the_models_name_and_version(result: dict[str, Any], open_page: Open) -> None:
    assert open_page(result).evaluate("document.title") == "Classifier, version 1"


def test_a_browser_shows_every_picture_in_the_size_that_is_stated(
    result: dict[str, Any], open_page: Open
) -> None:
    page = open_page(result)
    widths = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth)")
    assert len(widths) == len(result["pictures"]) and all(width > 100 for width in widths)
    stated = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.naturalHeight])")
    assert stated == page.evaluate(
        "[...document.images].map(i => ['width', 'height'].map(a => +i.getAttribute(a)))"
    )


def test_a_browser_fetches_nothing_but_the_page(result: dict[str, Any], open_page: Open) -> None:
    page = open_page(result)
    assert page.evaluate("document.readyState") == "complete"
    addresses = [
        event["request"]["url"]
        for method, event in page.events
        if method == "Network.requestWillBeSent"
    ]
    outside = [a for a in addresses if not a.startswith("data:image/png;base64,")]
    assert outside == [Path(result["page"]).resolve().as_uri()]


def test_a_browser_complains_of_nothing_and_runs_no_script(
    result: dict[str, Any], open_page: Open
) -> None:
    page = open_page(result)
    assert page.evaluate("document.scripts.length") == 0
    complaints = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert [event for event in page.events if event[0] in complaints] == []


def test_the_page_says_that_it_is_in_english(result: dict[str, Any], open_page: Open) -> None:
    assert open_page(result).evaluate("document.documentElement.lang") == "en"


def test_the_page_has_one_title_and_parts_under_it(result: dict[str, Any], open_page: Open) -> None:
    page = open_page(result)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1 and set(levels[1:]) == {2}


@pytest.mark.parametrize(
    "holds",
    [
        pytest.param(
            "[...document.images].every(i => i.alt.length > 40)",
            id="every picture is described",
        ),
        pytest.param(
            "[...document.querySelectorAll('th')].every(h => h.scope)",
            id="every heading of a table says what it heads",
        ),
        pytest.param(
            "[...document.querySelectorAll('table')].every(t => t.caption)",
            id="every table has a caption",
        ),
        pytest.param(
            "[...document.querySelectorAll('section')]"
            ".every(s => document.getElementById(s.getAttribute('aria-labelledby')))",
            id="every section has a name",
        ),
        pytest.param(
            "[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))",
            id="every link leads somewhere",
        ),
    ],
)
def test_the_page_can_be_used_without_seeing_the_pictures(
    result: dict[str, Any], open_page: Open, holds: str
) -> None:
    assert open_page(result).evaluate(holds)


def test_no_two_elements_have_the_same_id(result: dict[str, Any], open_page: Open) -> None:
    page = open_page(result)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_every_part_is_there_or_says_why_not(result: dict[str, Any], open_page: Open) -> None:
    page = open_page(result)
    headings = page.evaluate("[...document.querySelectorAll('main h2')].map(h => h.textContent)")
    assert [h for h in headings if h in HEADINGS] == HEADINGS
    empty = page.evaluate(
        "[...document.querySelectorAll('main section')]"
        ".filter(s => !s.querySelector('img, p, table')).map(s => s.textContent)"
    )
    assert empty == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 380])
def test_nothing_is_wider_than_the_window(
    scheme: str, width: int, poor_report: dict[str, Any], open_page: Open
) -> None:
    page = open_page(poor_report)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    page.send("Emulation.setEmulatedMedia", features=media)
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.send("Emulation.setDeviceMetricsOverride", **size)
    try:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        contrast = page.evaluate(CONTRAST)
        assert contrast >= 4.5, f"text of contrast {contrast:.2f} in {scheme}"
    finally:
        page.send("Emulation.setEmulatedMedia", features=[])
        page.send("Emulation.clearDeviceMetricsOverride")


def test_names_are_shown_and_not_obeyed(poor_report: dict[str, Any], open_page: Open) -> None:
    page = open_page(poor_report)
    assert page.evaluate("document.querySelectorAll('main b, main script').length") == 0
    names = page.evaluate(
        "[...document.querySelectorAll('#confusion ~ .wide tbody th')].map(h => h.textContent)"
    )
    assert {HOSTILE, LONG, "$x$ 猫"} <= set(names)
    # The font has no such letter: the picture counts it, and the page says which it is.
    assert "class 1" in names or "class 2" in names or "class 3" in names


# The lowest contrast (WCAG 2) between a text's colour and the first opaque background behind it.
CONTRAST = """
(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  let lowest = 21;
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [parse(getComputedStyle(e).color), behind(e)].map(light);
    lowest = Math.min(lowest, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return lowest;
})()
"""
