"""Several machines on one page, in a real browser."""

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")

from broker import free_port
from browsing import opened
from machines import SENSORS
from shown_page import heading, shown

from edge_runtime.history.history import History
from edge_runtime.page.address import PageAddress
from edge_runtime.page.machine import WatchedMachine
from edge_runtime.page.place import Place
from edge_runtime.page.web_sink import WebSink
from edge_runtime.sinks.sink import StreamInfo


def test_several_machines_are_listed_those_in_alarm_first(browser):
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        heading(page, "pump is well")
        server = source.sink._server
        press = WatchedMachine(StreamInfo("press 7/b", SENSORS, 1.0, np.inf))
        server.add(press, History.open(None))
        links = page.get_by_role("navigation", name="Machines").get_by_role("link")
        links.nth(1).wait_for()
        links.filter(has_text="press 7/b").click()
        heading(page, "press 7/b: waiting for the first readings")
        source.alarm()
        links.first.get_by_text("pump").wait_for()
        assert "alarm" in links.first.inner_text()
        assert page.url.endswith("#press%207%2Fb")
        assert not server.remove(press)


def test_machine_that_has_just_come_can_be_chosen_before_its_sensors_are_known(browser):
    with shown(SENSORS) as source, opened(browser, source.address) as page:
        heading(page, "pump is well")
        held = []
        page.route("**/api/machines", lambda request: held.append(request))  # noqa: PLW0108 - takes one argument only
        source.sink._server.add(WatchedMachine(StreamInfo("press", SENSORS, 1.0, np.inf)), History.open(None))
        page.get_by_role("link", name="press").click()
        page.wait_for_function("location.hash === '#press'")
        while not held:
            page.wait_for_timeout(20)
        for request in held:
            request.continue_()
        heading(page, "press: waiting for the first readings")


def test_machine_that_is_not_watched_keeps_its_place_and_says_why(browser):
    address = PageAddress("127.0.0.1", free_port())
    with shown(SENSORS, port=address.port) as source, opened(browser, source.address) as page:
        place = Place(address, "press", print)
        place.down("press.tflite does not exist. Trying again in 8 s.")
        links = page.get_by_role("navigation", name="Machines").get_by_role("link")
        links.filter(has_text="press").click()
        heading(page, "press is not being watched")
        assert page.get_by_text("Trying again in 8 s.").is_visible()
        assert "not watched" in links.first.inner_text()
        press = WebSink(address, StreamInfo("press", SENSORS, 1.0, np.inf), print, History.open(None))
        heading(page, "press: waiting for the first readings")
        press.close()
        heading(page, "press is not being watched")
        place.close()
