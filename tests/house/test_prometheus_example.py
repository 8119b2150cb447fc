"""The examples for Prometheus and Grafana: rules, their tests, and a dashboard, against what saelite really serves."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from broker import free_port
from live_process import line, start, until
from machines import SENSORS, pump_rows
from numbered_results import results

from edge_runtime.common.counters import Counters
from edge_runtime.sinks.prometheus import PrometheusSink
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.streaming.health import Health

FOLDER = Path(__file__).parents[2] / "examples" / "prometheus"
DASHBOARD = json.loads((FOLDER / "grafana_dashboard.json").read_text(encoding="utf-8"))
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus is not installed (Debian's package prometheus)",
)
METRIC = re.compile(r"\bsaelite_\w+")


@pytest.fixture(scope="module")
def served():
    """The names of the metrics that a stream shows once it has results, health and counts."""
    pytest.importorskip("prometheus_client")
    sink = PrometheusSink("127.0.0.1", 0, StreamInfo("m", ("flow",), 1.0, 2.0))
    with closing(sink):
        sink.write(results(0, 3))
        sink.status(Counters(read=3))
        sink.health(Health(stale=False, stale_after_s=30.0, last_reading_s=7.0, last_result_s=7.0))
        with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/metrics") as page:
            return set(re.findall(r"^# TYPE (\S+)", page.read().decode(), re.MULTILINE))


def expressions():
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (one["expr"] for one in DASHBOARD["annotations"]["list"])
    yield from (one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")


def test_rules_and_dashboard_ask_for_metrics_that_exist(served):
    rules = (FOLDER / "saelite_alerts.yml").read_text().partition("groups:")[2]
    asked = set(METRIC.findall(rules)) | {name for text in expressions() for name in METRIC.findall(text)}
    assert len(asked) > 10
    assert asked <= served


def test_panels_have_their_own_ids_and_places_and_the_chosen_data_source():
    panels = DASHBOARD["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    assert len({panel["title"] for panel in panels}) == len(panels)
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(set(cells)) == len(cells), "no two overlap"
    assert max(x for x, _ in cells) == 23, "Grafana's grid has 24 columns"
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    users = [*panels, *(target for panel in panels for target in panel["targets"]), variables["machine"]]
    users += DASHBOARD["annotations"]["list"]
    assert {user["datasource"]["uid"] for user in users} == {"${datasource}"}
    for text in expressions():
        assert "$machine" in text or "label_values" in text


@needs_prometheus
@pytest.mark.parametrize(
    "command",
    ["test rules saelite_alerts_test.yml", "check rules saelite_alerts.yml", "check config prometheus.yml"],
)
def test_promtool_accepts(command):
    done = subprocess.run(["promtool", *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test():
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "saelite_alerts.yml").read_text()))
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", (FOLDER / "saelite_alerts_test.yml").read_text())
    assert alerts == set(fired)


@contextmanager
def prometheus(folder, target):
    """Run a real Prometheus with the example's files, only faster; yield its address."""
    for name in ("saelite_alerts.yml", "prometheus.yml"):
        text = (FOLDER / name).read_text().replace("localhost:9109", target).replace("10s", "1s")
        (folder / name).write_text(text)
    address = f"127.0.0.1:{free_port()}"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}"]
    process = subprocess.Popen(["prometheus", *options], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s:
            with suppress(OSError), urllib.request.urlopen(f"http://{address}/-/ready", timeout=1):
                break
            time.sleep(0.1)
        yield f"http://{address}/api/v1"
    finally:
        process.terminate()
        process.wait()


def asked(url):
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - it is http
        return json.load(answer)["data"]


@needs_prometheus
def test_alarm_fires_in_a_real_prometheus_which_understands_every_panel(model_path, tmp_path):
    port = free_port()
    process = start(model_path, "--source", "-", "--sink", f"prometheus:{port}", cwd=tmp_path)
    rows = pump_rows(30)
    rows[10:, 1] += 100_000
    process.stdin.write((",".join(SENSORS) + "\n").encode() + b"".join(map(line, rows)))
    with prometheus(tmp_path, f"localhost:{port}") as api:
        until(lambda: [one for one in asked(f"{api}/alerts")["alerts"] if one["state"] == "firing"])
        fired = {one["labels"]["alertname"]: one for one in asked(f"{api}/alerts")["alerts"]}
        for text in expressions():
            if "label_values" not in text:
                plain = text.replace("$machine", ".*").replace("$__rate_interval", "1m")
                assert asked(f"{api}/query?{urllib.parse.urlencode({'query': plain})}")["resultType"] == "vector"
    process.kill()
    process.communicate()
    assert fired["SaeliteAlarm"]["labels"]["severity"] == "critical"
    assert fired["SaeliteAlarm"]["annotations"]["description"].startswith("Worst sensors: pressure (")


def test_health_check_follows_the_stream():
    pytest.importorskip("prometheus_client")
    sink = PrometheusSink("127.0.0.1", 0, StreamInfo("m", ("flow",), 1.0, np.inf))

    def status():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}/healthz", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    with closing(sink):
        found = [status()]
        for stale in (False, True, False):
            sink.health(Health(stale, 30.0, 7.0, 7.0))
            found.append(status())
    assert found == [200, 200, 503, 200]
