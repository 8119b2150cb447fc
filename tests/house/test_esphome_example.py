"""The example for ESPHome: its component against stubs of ESPHome, and, where ESPHome is installed, against itself."""

import ast
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from layout_runs import STUB_BOARD, Wiring, laid_out, run, tool
from machines import pump_rows

from export.export_run import ExportSettings, export_run

FOLDER = Path(__file__).parents[2] / "examples" / "esphome"
COMPONENT = FOLDER / "components" / "saelite"
needs_gpp = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
# The example's device as a program of this computer, whose pressure rises for a while.
HOST = """\
esphome: {name: pump}
host:
logger: {level: WARN}
external_components:
  - source: {type: local, path: components}
saelite:
  library: pump
  update_interval: 10ms
  sensors: {flow: flow, pressure: pressure, current: current, vibration: vibration}
sensor:
  - {platform: template, id: flow, lambda: "return 35.0f;", update_interval: 5ms}
  - {platform: template, id: pressure, update_interval: 5ms,
     lambda: "static int n = 0; return ++n / 200 % 2 ? 150000.0f : 102000.0f;"}
  - {platform: template, id: current, lambda: "return 1.4f;", update_interval: 5ms}
  - {platform: template, id: vibration, lambda: "return 0.0025f;", update_interval: 5ms}
  - {platform: saelite, id: score, name: Pump score}
binary_sensor:
  - {platform: saelite, name: Pump alarm}
text_sensor:
  - platform: saelite
    name: Pump sensor to blame
    on_value:
      - lambda: |-
          if (x.empty()) return;
          printf("alarm: score %.2f, look at %s\\n", id(score).state, x.c_str());
          fflush(stdout);
"""


@pytest.fixture(scope="module")
def model(train_head):
    return export_run(train_head("joint"), ExportSettings("int8", "c"))


@pytest.fixture
def folder(model, tmp_path):
    """The example's folder with the library in it."""
    shutil.copytree(FOLDER, tmp_path / "esphome", ignore=shutil.ignore_patterns("__pycache__", ".esphome"))
    laid_out(model, tmp_path / "esphome", "plain")
    (tmp_path / "esphome" / "secrets.yaml").write_text('wifi_ssid: home\nwifi_password: "12345678"\n')
    return tmp_path / "esphome"


def names_header():
    """Return the template of saelite_library.h; importing the component takes ESPHome."""
    for node in ast.parse((COMPONENT / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "_NAMES":
            return ast.literal_eval(node.value)
    raise AssertionError


@needs_gpp
def test_the_component_publishes_what_the_python_host_says(model, folder, tmp_path):
    rows = pump_rows(500, seed=9)
    rows[200:230, 1] += 20_000
    rows[300:315] *= 1.5
    wiring = Wiring(rows, 1.0)
    np.savetxt(tmp_path / "readings.txt", wiring.readings, fmt="%.9g")
    (tmp_path / "saelite_library.h").write_text(names_header().replace("@n@", "pump").replace("@N@", "PUMP"))
    for name in ("pump_net", "pump_detector"):
        run("gcc", "-c", folder / "pump" / f"{name}.c", "-o", tmp_path / f"{name}.o")
    stub, flags = STUB_BOARD / "esphome", ["-std=gnu++20", "-Wall", "-Wextra", "-Werror", "-Wno-double-promotion"]
    includes = [f"-I{path}" for path in (stub, COMPONENT, tmp_path, folder / "pump")]
    run("g++", *flags, *includes, COMPONENT / "saelite.cpp", stub / "main.cpp", tmp_path / "pump_net.o",
        tmp_path / "pump_detector.o", "-lm", "-o", tmp_path / "component")  # fmt: skip
    configured, *said = run(tmp_path / "component", cwd=tmp_path).splitlines()
    assert re.fullmatch(r"Anomaly detector: 4 sensors, \d+ bytes", configured)
    assert said == wiring.expected(model)


def test_esphome_takes_the_configuration(folder):
    done = run(tool("esphome", "esphome"), "config", "pump.yaml", cwd=folder)
    assert "name: Pump score" in done
    assert "name: Pump alarm" in done


@pytest.mark.parametrize(("before", "after", "message"), [
    ("    flow: flow\n", "    inflow: flow\n", "vibration. Received: inflow, pressure"),
    ("    flow: flow\n", "", "expected the model's sensors: flow, pressure, current, vibration."),
    ("    flow: flow\n", "    flow: speed\n", "Couldn't find ID 'speed'"),
    ("library: pump ", "library: components ", "Received: 0 *_detector.h"),
    ("library: pump ", "library: nowhere ", "nowhere"),
])  # fmt: skip
def test_esphome_refuses_what_cannot_work(folder, before, after, message):
    esphome, config = tool("esphome", "esphome"), folder / "pump.yaml"
    config.write_text(config.read_text().replace(before, after, 1))
    done = subprocess.run([esphome, "config", config], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in re.sub(r"\s+", " ", done.stdout + done.stderr)


@needs_gpp
def test_a_device_built_of_esphomes_own_sources_says_when_an_alarm_starts(folder):
    esphome = tool("esphome", "esphome")
    (folder / "host.yaml").write_text(HOST)
    run(esphome, "compile", "--only-generate", "host.yaml", cwd=folder)
    source = folder / ".esphome" / "build" / "pump" / "src"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, [*source.rglob("*.cpp"), *source.glob("*.c")]))
    run("g++", *objects, "-lm", "-lpthread", "-o", folder / "device")
    with subprocess.Popen([folder / "device"], stdout=subprocess.PIPE, text=True) as device:
        line = next(one for one in device.stdout if one.startswith("alarm"))
        device.kill()
    assert re.fullmatch(r"alarm: score \d+\.\d\d, look at pressure\n", line)


def compiled(source):
    target = source.with_suffix(f"{source.suffix}.o")
    (root,) = [path for path in source.parents if path.name == "src"]
    flags = (
        ["-std=gnu++20", "-DUSE_HOST", "-DESPHOME_LOG_LEVEL=ESPHOME_LOG_LEVEL_WARN"] if source.suffix == ".cpp" else []
    )
    run("g++" if flags else "gcc", "-O0", *flags, f"-I{root}", "-c", source, "-o", target)
    return target
