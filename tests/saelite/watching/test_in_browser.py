"""The page of a fleet as people use it: a real broker, a real browser."""

import time
from contextlib import contextmanager

import pytest

pytest.importorskip("paho.mqtt.client", reason="the extra mqtt is not installed")
pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")

from broker import MOSQUITTO, free_port, mosquitto
from browsing import opened
from contrasts import CONTRASTS
from live_process import until
from page_client import TOKEN
from shown_page import heading
from simulated_fleet import Machines, info, publisher, state, status

from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.page.address import PageAddress
from saelite.watching import watch
from saelite.watching.fleet_page_table import FleetTable
from saelite.watching.watch import FleetPage

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
BAD = '<img src=x onerror="window.hacked=1">'
HOSTILE = (BAD, "</script><script>window.hacked=1</script>", "a" * 300, "\u202eevil", "line\nbreak", "javascript:1")


@contextmanager
def served(broker):
    page = FleetPage(MqttAddress.parse(f"mqtt://127.0.0.1:{broker}", ()), PageAddress(port=0), print)
    try:
        yield f"http://127.0.0.1:{page.port}/"
    finally:
        page.close()


def rows(page):
    return page.locator(".rows .row")


def names(page):
    return page.locator(".rows .row .who .name:visible").all_inner_texts()


def counted(page, count):
    until(lambda: rows(page).count() == count)


def row(page, name):
    return rows(page).filter(has_text=name)


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_machines_appear_by_themselves_and_the_worst_comes_first(browser, broker):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        heading(page, "No machines so far")
        for name in ("fan", "pump", "saw"):
            publish(f"saelite/gateway/{name}/info", info(name, page="http://gateway:8090/"))
            publish(f"saelite/gateway/{name}/status", status(model=f"{name} model", registry="probation"))
            publish(f"saelite/gateway/{name}/availability", "online")
            publish(f"saelite/gateway/{name}/state", state())
        heading(page, "All 3 machines are well")
        assert names(page) == ["fan", "pump", "saw"]
        began_s = time.time() - 7200
        publish(
            "saelite/gateway/saw/state",
            state(3.2, alarm=True, since_s=began_s, blame="heat 84.1 °C, expected 61.2 ± 1.9"),
        )
        heading(page, "1 of 3 machines needs a look")
        rows(page).first.get_by_text("heat 84.1 °C, expected 61.2 ± 1.9").wait_for()
        text = rows(page).first.inner_text()
        assert "for 2 h" in text
        assert "3.20" in text
        assert "saw model" in text
        assert "version 3, on probation" in text
        assert page.locator("#urgent").inner_text() == "Alarm on saw."
        assert page.title().startswith("⚠ 1 alarm")
        assert rows(page).first.get_by_role("link").get_attribute("href") == "http://gateway:8090/"
        publish("saelite/gateway/pump/availability", "offline")
        heading(page, "2 of 3 machines need a look")
        row(page, "pump").get_by_text("Offline").wait_for()
        publish("saelite/gateway/saw/state", "")
        heading(page, "1 of 2 machines needs a look")


def test_search_and_filter_find_machines_among_a_thousand(browser, broker):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        machines = Machines(1000)
        machines.publish_retained(publish)
        chips = page.get_by_role("group", name="Show")
        chips.get_by_text("1000").wait_for()
        assert rows(page).count() < 1000, "only what can be seen is built"
        few = len(machines.groups["alarm"])
        chips.get_by_role("button", name="Alarm").click()
        counted(page, few)
        chips.get_by_role("button", name="Alarm").click()
        page.get_by_label("Search machines").fill("GATEWAY-07 pump")
        counted(page, sum("gateway-07/pump" in base for base in machines.bases))
        assert all(name.startswith("pump-") for name in names(page))
        page.get_by_label("Search machines").fill("nothing like it")
        page.get_by_text("No machine has such a name or state.").wait_for()
        page.get_by_label("Search machines").fill("")
        for _ in range(12):
            page.mouse.wheel(0, 20_000)
            page.wait_for_timeout(150)
        counted(page, 1000)
        assert overflow(page) == 0


def test_rows_do_not_move_under_a_finger(browser, broker):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        for name in ("fan", "pump", "saw"):
            publish(f"saelite/gateway/{name}/state", state())
        heading(page, "All 3 machines are well")
        page.mouse.move(300, 430)
        publish("saelite/gateway/saw/state", state(3, alarm=True), wait=False)
        seen = page.get_by_role("heading", level=1, name="1 of 3 machines needs a look")

        def moves_until_seen():
            page.mouse.move(300, 420 + time.monotonic() % 1 * 20)
            return seen.is_visible()

        until(moves_until_seen)
        page.mouse.move(300, 420)
        assert names(page) == ["fan", "pump", "saw"]
        until(lambda: names(page) == ["saw", "fan", "pump"])


def test_scores_never_change_the_order(browser, broker):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        for name in ("pump 2", "pump 10", "fan"):
            publish(f"saelite/gateway/{name}/state", state())
        heading(page, "All 3 machines are well")
        for ratio in (0.9, 0.1, 0.7):
            publish("saelite/gateway/pump 10/state", state(ratio))
            row(page, "pump 10").get_by_text(f"{ratio:.2f}").wait_for()
            assert names(page) == ["fan", "pump 2", "pump 10"]


def test_lost_broker_is_said_and_found_again(browser, tmp_path):
    port = free_port()
    with mosquitto(tmp_path, port), publisher(port) as publish:
        publish("saelite/gateway/pump/state", state())
        page_of = served(port)
        address = page_of.__enter__()
        shown = opened(browser, address)
        page = shown.__enter__()
        heading(page, "pump is well")
    try:
        heading(page, "The broker cannot be reached")
        assert page.locator("#link").inner_text() == "No broker"
        assert page.locator("#list").get_attribute("data-old") == "true"
        with mosquitto(tmp_path, port), publisher(port) as publish:
            publish("saelite/gateway/pump/state", state(3, alarm=True))
            heading(page, "pump needs a look")
    finally:
        shown.__exit__(None, None, None)
        page_of.__exit__(None, None, None)


def test_names_that_are_scripts_stay_names(browser, broker):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        publish("saelite/gw/first/state", b"\xff" * 1_000_000)
        for number, text in enumerate(HOSTILE):
            base = f"saelite/gw/{number}"
            publish(f"{base}/info", info(text, text, page="javascript:window.hacked=1"))
            publish(f"{base}/status", status(model=text, version=text, registry=text))
            publish(f"{base}/state", state(3, alarm=True, blame=text))
        heading(page, "6 of 6 machines need a look")
        row(page, BAD).first.wait_for()
        assert page.locator("a[href^=javascript]").count() == 0
        page.get_by_label("Search machines").fill("onerror")
        counted(page, 1)
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
        assert "\u202e" not in page.locator("body").inner_text()


def test_flood_of_topics_leaves_the_page_usable_and_is_said(browser, broker, monkeypatch):
    monkeypatch.setattr(watch, "FleetTable", lambda: FleetTable(most=50))
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        publish("saelite/gateway/pump/state", state(3, alarm=True))
        heading(page, "pump needs a look")
        for number in range(3000):
            publish(f"saelite/flood/{number}/state", state(), retain=False, wait=number == 2999)
        page.get_by_text("Only 50 machines are shown; there are more.").wait_for()
        publish("saelite/gateway/pump/state", state(3.33, alarm=True))
        row(page, "pump").get_by_text("3.33").wait_for()


@pytest.mark.parametrize("width", [320, 390])
def test_phone_needs_no_scrolling_sideways(browser, broker, width):
    with (
        publisher(broker) as publish,
        served(broker) as address,
        opened(browser, address, viewport={"width": width, "height": 844}) as page,
    ):
        Machines(24).publish_retained(publish)
        publish("saelite/gw/long/info", info("n" * 200, "h" * 200))
        publish("saelite/gw/long/status", status(model="m" * 200, version=10**14))
        publish("saelite/gw/long/state", state(12345.6, alarm=True, blame="b" * 400))
        counted(page, 25)
        assert overflow(page) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(browser, broker, scheme):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address, color_scheme=scheme) as page:
        Machines(12).publish_retained(publish)
        counted(page, 12)
        found = page.evaluate(CONTRASTS)
        assert len(found) > 60
        assert [one for one in found if one[1] < 4.5] == []


def test_everything_is_done_by_keyboard_alone(browser, broker):
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        publish("saelite/gw/pump/info", info(page="http://gateway:8090/"))
        publish("saelite/gw/pump/state", state(3, alarm=True))
        publish("saelite/gw/fan/state", state())
        heading(page, "1 of 2 machines needs a look")
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the machines"
        page.keyboard.press("Enter")
        seen = []
        for key in ("Tab", "Tab", "Enter", "Tab", "Tab", "Tab"):
            page.keyboard.press(key)
            seen.append(focused(page))
        assert seen == ["All2", "Alarm1", "Alarm1", "Well1", "", "pump"]
        assert names(page) == ["pump"]


def focused(page):
    return page.evaluate("document.activeElement.textContent")


def test_token_is_asked_for_and_lets_in(browser, broker, monkeypatch):
    monkeypatch.setenv("SAELITE_WEB_TOKEN", TOKEN)
    with publisher(broker) as publish, served(broker) as address, opened(browser, address) as page:
        publish("saelite/gw/pump/state", state())
        heading(page, "Log in")
        assert page.locator("main").is_hidden()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        heading(page, "pump is well")
        page.get_by_role("button", name="Log out").click()
        heading(page, "Log in")
