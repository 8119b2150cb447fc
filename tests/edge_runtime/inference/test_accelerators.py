"""Accelerators: a real external delegate in C, and every way in which one cannot be used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime import Detector
from edge_runtime.errors import AcceleratorError, UsageError
from edge_runtime.inference.accelerators import edge_tpu_trouble, edge_tpus, identify, parse_accelerator
from edge_runtime.inference.runtimes import installed_runtimes

SOURCE = Path(__file__).with_name("delegate.c")

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc builds the delegate")


def compiled(path, source=SOURCE):
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(path), str(source)], check=True)
    return path


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("delegate") / "libnothing.so")


@pytest.fixture(scope="module")
def libedgetpu(tmp_path_factory):
    """A delegate with the function that tells libedgetpu from all others; it refuses as that one does: silently."""
    folder = tmp_path_factory.mktemp("edgetpu")
    source = folder / "edgetpu.c"
    source.write_text(
        f'#include "{SOURCE}"\nconst char *edgetpu_version(void) {{ return "BuildLabel(none), RuntimeVersion(14)"; }}\n'
    )
    return compiled(folder / "libcoral.so.1.0", source)


def load(model_path, accelerator):
    return Detector.load(model_path, accelerator=str(accelerator), runtime="ai-edge-litert")


def test_delegate_that_takes_no_op_is_named(model_path, library, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(AcceleratorError, match=r"libnothing.so was loaded but took no op .* run it on the CPU"):
        load(model_path, f"{library};log={log}")
    assert log.read_text() == "created\n"


@pytest.mark.parametrize("runtime", [runtime.name for runtime in installed_runtimes()])
def test_every_runtime_loads_the_delegate(model_path, library, runtime):
    code = f"""
from edge_runtime import Detector, SaeliteError
try:
    Detector.load({str(model_path)!r}, accelerator={str(library)!r}, runtime={runtime!r})
except SaeliteError as error:
    print(type(error).__name__, error)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.startswith("AcceleratorError")
    assert "took no op" in process.stdout


def test_delegate_that_refuses_is_quoted_with_its_options(model_path, library):
    with pytest.raises(AcceleratorError, match=r"refused to start: board is too hot.*refuse=board is too hot"):
        load(model_path, f"{library};refuse=board is too hot")


def test_delegate_that_fails_on_the_graph_is_named(model_path, library):
    with pytest.raises(AcceleratorError, match="could not prepare the graph"):
        load(model_path, f"{library};prepare=fail")


def test_missing_library_says_where_it_was_looked_for(model_path):
    with pytest.raises(AcceleratorError, match=r"library is missing.*libabsent.so.*Give the path"):
        load(model_path, "/nowhere/libabsent.so")


def test_missing_edge_tpu_library_says_what_to_install(model_path):
    with pytest.raises(AcceleratorError, match=r"library is missing.*libedgetpu.*Install it"):
        load(model_path, "edgetpu:usb")


def test_library_for_another_machine_is_told_apart(model_path, tmp_path):
    library = tmp_path / "libother.so"
    library.write_bytes(b"\x7fELF\x01\x01\x01" + b"\0" * 100)
    with pytest.raises(AcceleratorError, match="does not fit this machine or this runtime"):
        load(model_path, library)


def test_library_of_another_version_is_told_apart(model_path, tmp_path):
    source = tmp_path / "needs.c"
    source.write_text("extern int of_another_version(void); int (*use)(void) = of_another_version;")
    with pytest.raises(AcceleratorError, match=r"does not fit .*undefined symbol: of_another_version"):
        load(model_path, compiled(tmp_path / "libneeds.so", source))


def test_library_that_is_no_delegate_is_told_apart(model_path, tmp_path):
    source = tmp_path / "plain.c"
    source.write_text("int nothing;")
    with pytest.raises(AcceleratorError, match=r"not an external delegate: expected .*tflite_plugin_create_delegate"):
        load(model_path, compiled(tmp_path / "libplain.so", source))


def test_numpy_executor_has_no_accelerators(model_path, library):
    with pytest.raises(AcceleratorError, match="numpy executor has no accelerators"):
        Detector.load(model_path, accelerator=str(library), runtime="numpy")


@pytest.mark.parametrize("text", ["edgetpu:gpu", "edgetpu:usb:x", ";a=b", "lib.so;nonsense"])
def test_accelerator_that_cannot_be_meant_is_refused(text):
    with pytest.raises(UsageError, match="Received"):
        parse_accelerator(text)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("edgetpu", {}),
        ("edgetpu:usb", {"device": "usb"}),
        ("edgetpu:pci", {"device": "pci"}),
        ("edgetpu:1", {"device": ":1"}),
        ("edgetpu:usb:0", {"device": "usb:0"}),
    ],
)
def test_edge_tpu_places_are_those_of_its_library(text, options):
    assert parse_accelerator(text).options == options


def stick(root, *, writable):
    """Make what the kernel shows of a Coral USB stick."""
    device = root / "sys/bus/usb/devices/2-1"
    device.mkdir(parents=True)
    for name, value in {"idVendor": "1a6e", "idProduct": "089a", "busnum": "2", "devnum": "7"}.items():
        (device / name).write_text(value + "\n")
    node = root / "dev/bus/usb/002/007"
    node.parent.mkdir(parents=True)
    if writable:
        node.touch()
    return node


def test_no_edge_tpu_is_told_apart(tmp_path):
    assert "no Edge TPU found on usb" in edge_tpu_trouble("usb", tmp_path)


@pytest.mark.skipif(bool(edge_tpus()), reason="an Edge TPU is connected")
@pytest.mark.parametrize(("options", "place"), [("", ""), (";device=pci", " on pci")])
def test_libedgetpu_given_by_path_says_that_no_edge_tpu_was_found(model_path, libedgetpu, options, place):
    with pytest.raises(AcceleratorError, match=f"no Edge TPU found{place}. Expected a Coral USB stick"):
        load(model_path, f"{libedgetpu};refuse={options}")


def test_libedgetpu_is_told_by_what_it_says_of_itself(libedgetpu, library):
    found = identify(parse_accelerator(str(libedgetpu)))
    assert (found.edgetpu, found.version) == (True, "BuildLabel(none), RuntimeVersion(14)")
    assert identify(parse_accelerator(str(library))) == parse_accelerator(str(library))


def test_libedgetpu_given_by_path_that_takes_no_op_names_its_compiler(model_path, libedgetpu):
    with pytest.raises(AcceleratorError, match=r"took no op of this graph.* then edgetpu_compiler"):
        load(model_path, libedgetpu)


def test_edge_tpu_without_permission_is_told_apart(tmp_path):
    node = stick(tmp_path, writable=False)  # a missing node is as unusable as a forbidden one, also to root
    assert [device.node for device in edge_tpus(tmp_path)] == [node]
    trouble = edge_tpu_trouble("", tmp_path)
    assert "no permission" in trouble
    assert "plugdev" in trouble


def test_edge_tpu_in_use_or_of_another_version_is_told_apart(tmp_path):
    stick(tmp_path, writable=True)
    assert "different versions" in edge_tpu_trouble("usb", tmp_path)
    assert "its library (RuntimeVersion(14)) refused it" in edge_tpu_trouble("usb", tmp_path, "RuntimeVersion(14)")
    assert "no Edge TPU found on pci" in edge_tpu_trouble("pci", tmp_path)


def test_benchmark_shows_why_an_accelerator_has_no_figures(saelite, model_path, library):
    result = saelite("bench", model_path, "--quick", "--rounds", "1", "--accelerator", library)
    assert result.returncode == 0, result.stderr
    (row,) = [line for line in result.stdout.splitlines() if "with libnothing.so" in line]
    assert "not measured: libnothing.so was loaded but took no op" in row


def test_command_falls_back_to_the_cpu_and_says_so_once(saelite, model_path, library, tmp_path):
    from machines import pump_rows, write_csv

    recording = write_csv(tmp_path / "log.csv", pump_rows(50))
    arguments = ("score", model_path, recording, "-o", "scores.csv", "--accelerator", library)
    refused = saelite(*arguments)
    assert refused.returncode == 1
    assert "took no op" in refused.stderr
    process = saelite(*arguments, "--accelerator-fallback", "cpu")
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("took no op") == 1
    assert "on the CPU" in process.stderr
    assert len((tmp_path / "scores.csv").read_text().splitlines()) > 40


def test_stream_falls_back_to_the_cpu_and_says_so_once_however_often_it_reloads(model_path, library, tmp_path):
    from live_process import PATIENCE_S, next_score, start, timed_line
    from machines import SENSORS, pump_rows

    options = ("--accelerator", library, "--accelerator-fallback", "cpu")
    process = start(model_path, "--source", "-", *options, cwd=tmp_path)
    process.stdin.write((",".join(["time", *SENSORS]) + "\n").encode())
    process.stdin.write(b"".join(map(timed_line, range(3), pump_rows(3))))
    assert next_score(process) > 0
    said = []
    for touched_ns in (1, 2):
        os.utime(model_path, ns=(touched_ns, touched_ns))
        said += iter(process.stderr.readline, f"saelite: {model_path} is loaded; the window is kept\n".encode())
    assert len([message for message in said if b"took no op" in message]) == 1
    process.stdin.write(timed_line(3, pump_rows(1)[0]))
    assert next_score(process) > 0
    _, rest = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert b"took no op" not in rest
    assert b"2 reloads" in rest
