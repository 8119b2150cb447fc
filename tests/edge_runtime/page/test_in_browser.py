"""The page as people use it, in a real browser."""

import itertools
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")

from broker import free_port
from browsing import opened
from contrasts import CONTRASTS
from live_process import start, timed_line, until
from machines import SENSORS, pump_rows
from page_client import TOKEN
from shown_page import heading, shown

from edge_runtime.common.counters import Counters
from edge_runtime.streaming.health import Health

HOSTILE = ('<img src=x onerror="window.hacked=1">', "</script><script>window.hacked=1</script>", "a" * 300,
           "\u202eevil", "line\nbreak", "{{7*7}}", '"; drop table alarm; --', "javascript:window.hacked=1")  # fmt: skip
MANY = tuple(f"sensor_{number:03d}" for number in range(200))
FEED_S = 0.05


@contextmanager
def fed(model, port, *options, cwd):
    """Run `saelite run` with a page; yield the process, and a list whose last item every reading is raised by."""
    process = start(model, "--source", "-", "--sink", f"web:{port}", *options, cwd=cwd)
    raised, stop = [0.0], threading.Event()

    def feed():
        process.stdin.write(("time," + ",".join(SENSORS) + "\n").encode())
        for number, row in enumerate(itertools.cycle(pump_rows(2000, seed=7))):
            if stop.wait(FEED_S):
                return
            odd = row.copy()
            odd[SENSORS.index("vibration")] += raised[-1]
            with suppress(BrokenPipeError):  # killed by the test
                process.stdin.write(timed_line(first_s + number, odd))

    first_s = fed.first_s = getattr(fed, "first_s", 1_790_000_000) + 3600
    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield process, raised
    finally:
        stop.set()
        thread.join()
        process.kill()
        process.communicate()


def test_fault_is_seen_marked_and_found_again_after_a_restart(browser, model_path, tmp_path):
    port = free_port()
    with fed(model_path, port, "--history", "site.db", cwd=tmp_path) as (process, raised):
        until(lambda: is_listening(port))
        with opened(browser, f"http://127.0.0.1:{port}/") as page:
            heading(page, "pump is well")
            raised.append(0.05)
            heading(page, "pump needs a look")
            now = page.locator("#now")
            now.get_by_text("vibration").wait_for()
            assert "expected" in now.inner_text()
            assert page.locator("#urgent").inner_text().startswith("Alarm on pump. vibration ")
            assert page.title().startswith("⚠ Alarm")
            # Tiles change places by their mean share over some readings, so that they do not jump about.
            until(lambda: page.locator(".tile").first.inner_text().startswith("vibration"))
            now.get_by_role("button", name="False alarm").click()
            page.get_by_label("Your name").fill("Kim")
            page.get_by_label("Note").fill("cleaning <b>day</b>")
            page.get_by_role("button", name="Save").click()
            page.locator("#alarms").get_by_text("False alarm – Kim").wait_for()
            raised.append(0.0)
            heading(page, "pump is well")
            process.kill()
            page.get_by_role("heading", name="No connection to saelite").wait_for()
            assert "old" in page.locator(".sensors").get_attribute("class")
            with fed(model_path, port, "--history", "site.db", cwd=tmp_path):
                heading(page, "pump is well")
                found = page.locator("#alarms li").first
                found.get_by_text("False alarm – Kim").wait_for()
                assert "“cleaning <b>day</b>”" in found.inner_text()


def is_listening(port):
    from page_client import ask

    try:
        return ask(port, "/")[0] == 200
    except OSError:
        return False


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("names", [SENSORS, MANY, HOSTILE], ids=["few", "many", "hostile"])
def test_phone_needs_no_scrolling_sideways(browser, names, width):
    with shown(names) as source, opened(browser, source.address, viewport={"width": width, "height": 844}) as page:
        heading(page, "pump is well")
        assert overflow(page) == 0
        source.alarm()
        heading(page, "pump needs a look")
        page.locator("#alarms .alarm").wait_for()
        assert overflow(page) == 0
        page.locator("#now").get_by_role("button", name="Ignore a sensor").click()
        page.get_by_role("dialog").wait_for()
        assert overflow(page) == 0


def test_of_200_sensors_the_one_to_blame_comes_first_and_the_others_are_found_by_name(browser):
    with shown(MANY) as source, opened(browser, source.address) as page:
        heading(page, "pump is well")
        assert page.locator(".tile").count() == 12
        source.alarm(blamed=170)
        page.locator(".tile").first.get_by_text("sensor_170").wait_for()
        assert page.locator("#rest li").count() < 188
        page.get_by_role("button", name="Show all 188").click()
        assert page.locator("#rest li").count() == 188
        page.get_by_label("Filter sensors").fill("_04")
        page.locator(".tile").first.get_by_text("sensor_04").wait_for()
        assert page.locator(".tile").count() == 10
        page.get_by_label("Filter sensors").fill("none")
        page.get_by_text("No sensor has such a name.").wait_for()


def test_names_that_are_scripts_stay_names(browser):
    with shown(HOSTILE) as source, opened(browser, source.address) as page:
        source.alarm()
        heading(page, "pump needs a look")
        page.locator("#now").get_by_text(HOSTILE[0]).wait_for()
        page.locator("#now").get_by_role("button", name="It is real").click()
        page.get_by_label("Note").fill(HOSTILE[1])
        page.get_by_role("button", name="Save").click()
        page.locator("#alarms").get_by_text(f"“{HOSTILE[1]}”").wait_for()
        page.locator(".tile .name").first.click()
        page.locator("#sensor-trend").wait_for()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
        assert "\u202e" not in page.locator("body").inner_text()


def test_everything_is_done_by_keyboard_alone(browser):
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        source.alarm()
        heading(page, "pump needs a look")
        page.locator("#now button").first.wait_for()
        page.keyboard.press("Tab")
        assert focused(page, "textContent") == "Skip to the machine"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focused(page, "textContent") == "It is real"
        assert outline(page) >= 2, "visible focus"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for()
        page.keyboard.type("Kim")
        page.keyboard.press("Tab")
        page.keyboard.type("as usual")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator("#alarms").get_by_text("False alarm – Kim").wait_for()
        assert focused(page, "textContent") == "False alarm", "back where it was"
        reach(page, "svg[aria-label^=Score]")
        before = pressed(page)
        page.keyboard.press("-")
        page.keyboard.press("ArrowLeft")
        page.get_by_role("button", name="Back to now").wait_for()
        assert pressed(page) != before
        page.keyboard.press("0")
        page.get_by_role("button", name="Back to now").wait_for(state="hidden")
        page.keyboard.press("Escape")


def focused(page, name):
    return page.evaluate(f"document.activeElement.{name}")


def outline(page):
    return page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")


def pressed(page):
    return page.locator("#ranges [aria-pressed=true]").all_inner_texts()


def reach(page, selector):
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"no way to {selector} by keyboard")


def test_chart_is_zoomed_by_wheel_drag_and_double_click(browser):
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        for _ in range(200):
            source.take(0.4)
        chart = page.locator("#trend svg")
        chart.wait_for()
        # Not by a function: asking again would be `eval`, which the page's policy forbids.
        page.locator("#trend .line[d]:not([d=''])").first.wait_for(state="attached")
        ticks = page.locator("#trend .across")
        seen = {ticks.inner_text()}
        box = chart.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -400)
        page.keyboard.up("Control")
        page.get_by_role("button", name="Back to now").wait_for()
        seen.add(ticks.inner_text())
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 40, steps=5)
        page.mouse.up()
        seen.add(ticks.inner_text())
        chart.dblclick()
        seen.add(ticks.inner_text())
        assert len(seen) == 4


def test_silence_is_not_taken_for_health(browser):
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        heading(page, "pump is well")
        source.sink.health(Health(True, 10.0, 1_790_000_000.0, 1_790_000_000.0, ("flow",)))
        source.sink.status(Counters(read=9, scored=9))
        heading(page, "pump is not being watched")
        assert page.locator("#score").inner_text() == "–"
        assert page.locator("#sensors-old").is_visible()
        assert page.title().startswith("No readings")


def test_sensor_is_ignored_for_a_time_and_the_page_says_so(browser):
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        source.alarm()
        page.locator("#now").get_by_role("button", name="Ignore a sensor").click()
        page.get_by_role("combobox", name="Sensor").select_option("current")
        page.get_by_role("combobox", name="Until").select_option(label="in a week")
        page.get_by_role("button", name="Save").click()
        page.locator("#ignored").get_by_text("current is ignored until").wait_for()
        (mark,) = source.history.alarms("pump")[0].marks
        assert (mark.kind, mark.sensor) == ("ignore", "current")
        assert 6.9 * 86_400 < mark.until_s - mark.at_s < 7.1 * 86_400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(browser, scheme):
    with shown(SENSORS) as source, opened(browser, source.address, color_scheme=scheme) as page:
        source.alarm()
        heading(page, "pump needs a look")
        page.locator("#alarms .alarm").wait_for()
        found = page.evaluate(CONTRASTS)
        assert len(found) > 30
        assert [one for one in found if one[1] < 4.5] == []


def test_token_is_asked_for_and_lets_in(browser, monkeypatch):
    monkeypatch.setenv("SAELITE_WEB_TOKEN", TOKEN)
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        heading(page, "Log in")
        assert page.locator("main").is_hidden()
        page.get_by_label("Token").fill("not the token at all")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("This is not the token.").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        heading(page, "pump is well")
        assert page.evaluate("document.cookie") == "", "no script reads it"
        assert TOKEN not in page.url
        page.reload()
        heading(page, "pump is well")
        page.get_by_role("button", name="Log out").click()
        heading(page, "Log in")


def test_page_of_another_origin_can_neither_read_nor_mark(browser):
    with shown(SENSORS) as source, elsewhere() as address, opened_elsewhere(browser, address) as page:
        source.alarm()
        until(lambda: source.history.alarms("pump"))
        assert page.evaluate(FOREIGN, source.address) == ["refused"] * 5
        assert source.history.alarms("pump")[0].marks == ()
        page.goto(source.address)
        heading(page, "pump needs a look")


@contextmanager
def elsewhere():
    """Serve some other site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Other", (BaseHTTPRequestHandler,), {
        "do_GET": lambda self: (self.send_response(200), self.end_headers(), self.wfile.write(b"<p>elsewhere")),
        "log_message": lambda *_: None,
    }))  # fmt: skip
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


@contextmanager
def opened_elsewhere(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


FOREIGN = """async (address) => {
  const ask = (path, options) => fetch(address + path, options).then(() => 'answered', () => 'refused');
  const body = JSON.stringify({ machine: 'pump', alarm: 1, kind: 'real' });
  const plain = { method: 'POST', mode: 'no-cors', body };
  return [await ask('api/machines'), await ask('api/live?machine=pump'),
    await ask('api/mark', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    await ask('api/mark', plain), await ask('log-in', { ...plain, credentials: 'include' })];
}"""
