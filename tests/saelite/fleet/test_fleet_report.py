"""The page of a fleet: a thousand assets in a real browser, on a desk and on a phone."""

import json
import re

import numpy as np
import pytest
from browsing import chromium, opened

from saelite.fleet.asset_facts import AssetFacts
from saelite.fleet.fleet import Fleet
from saelite.fleet.outcome import AssetOutcome, Figures
from saelite.fleet.report.page import render_fleet_report

COUNT = 1000
HOSTILE = "</script><script>document.title='owned'</script>"


def outcome(number, rng):
    """Return what became of one of many pumps: each 100th failed, each 50th fell back, one is unlike the others."""
    level = (30.0 + rng.normal() + 50 * (number == 777), 5.0 + rng.normal())
    facts = AssetFacts(("flow", "load"), level, (1.0, 1.0), (0.5,))
    if number % 100 == 3:
        return AssetOutcome(f"pump {number}", "failed", reason=f"line {number}: expected a number.", cpu_s=1.0)
    status, fallback = ("fell back", "float32") if number % 50 == 4 else ("made", "")
    figures = Figures(
        "modes", "int8", promised=rng.uniform(0.5, 2), measured=rng.uniform(0, 1), promised_share=1e-3,
        measured_share=rng.uniform(0, 1e-3), detection=rng.uniform(0.5, 1), alarm_agreement=1.0, bytes=40_000 + number,
    )  # fmt: skip
    reason = "int8: alarms agree on 90.00%" if fallback else ""
    return AssetOutcome(
        f"pump {number}", status, reason, fallback, rows=1000 + number, sensors=facts.sensors, budget="1/week",
        figures=figures, facts=facts, cpu_s=2.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    rng = np.random.default_rng(0)
    outcomes = [*(outcome(number, rng) for number in range(COUNT)), AssetOutcome(HOSTILE, "failed", HOSTILE)]
    path = tmp_path_factory.mktemp("fleet") / "report.html"
    path.write_text(render_fleet_report(Fleet(path.parent, tuple(outcomes))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def column(view, place):
    return view.locator(f"#assets tbody tr:not(.told) td:nth-child({place})").all_inner_texts()


def test_page_needs_nothing_from_elsewhere(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    assert "default-src 'none'" in text


def test_data_are_the_table(page):
    (content,) = re.findall(r'type="application/json">(.*?)</script>', page.read_text(encoding="utf-8"))
    data = json.loads(content)
    assert len(data["rows"]) == COUNT + 1
    assert all(len(row["cells"]) == len(data["columns"]) for row in data["rows"])


def test_kinds_of_looks_are_listed_with_their_numbers(browser, page):
    with opened(browser, page.as_uri()) as view:
        titles = view.locator("#look h3").all_inner_texts()
        assert titles == ["No model: 11", "A fallback, or a model in doubt: 20", "Unlike the others: 1"]
        unlike = view.locator("#look .grave-1")
        assert "pump 777" in unlike.inner_text()
        assert "flow stands at" in unlike.inner_text()
        assert view.title() == f"Fleet {page.parent.name}"


def test_table_begins_with_what_is_worth_a_look_and_is_sorted_by_a_click(browser, page):
    with opened(browser, page.as_uri()) as view:
        assert column(view, 2)[:12] == ["failed"] * 11 + ["fell back"]
        view.get_by_role("button", name="rows", exact=True).click()
        names = [one.strip() for one in column(view, 1)]
        assert names[:3] == ["pump 999", "pump 998", "pump 997"]
        view.get_by_role("button", name="rows", exact=True).click()
        assert view.locator("#assets th[aria-sort=ascending]").inner_text() == "rows"
        assert view.locator("#count").inner_text() == f"50 of {COUNT + 1} assets"
        view.locator("#more").click()
        assert len(column(view, 1)) == 100


def test_asset_without_a_figure_is_last_in_both_orders(browser, page):
    with opened(browser, page.as_uri()) as view:
        view.locator("#search").fill("10")
        for _ in range(2):
            view.get_by_role("button", name="file size", exact=True).click()
            assert column(view, 1)[-1] == "pump 103"


def test_search_finds_an_asset_and_a_click_shows_all_of_it(browser, page):
    with opened(browser, page.as_uri()) as view:
        view.locator("#search").fill("pump 954 float32")
        assert column(view, 1) == ["pump 954"]
        view.get_by_role("button", name="pump 954").click()
        told = view.locator("#assets .told").inner_text()
        assert "int8: alarms agree on 90.00%" in told
        assert "flow, load" in told
        view.get_by_role("button", name="pump 954").click()
        assert view.locator("#assets .told").count() == 0


def test_link_of_a_look_shows_that_asset_alone(browser, page):
    with opened(browser, page.as_uri()) as view:
        view.locator("#look").get_by_text("pump 3", exact=True).click()
        assert column(view, 1) == ["pump 3"]


def test_phone_shows_what_is_sorted_by_and_nothing_is_wider_than_it(browser, page):
    phone = {"viewport": {"width": 390, "height": 800}}
    with opened(browser, page.as_uri(), **phone) as view:
        view.locator("#order").select_option(label="CPU seconds")
        heads = view.locator("#assets th:visible").all_inner_texts()
        assert [one.strip(" ↑↓") for one in heads] == ["asset", "status", "CPU seconds"]
        assert view.evaluate("document.documentElement.scrollWidth") <= 390
