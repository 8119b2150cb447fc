"""The plain and the CMake layout: built as a package and in a project, and their example on an ADC of Linux."""

import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from layout_runs import laid_out, run, tool

CONSUMER = """\
cmake_minimum_required(VERSION 3.15)
project(consumer LANGUAGES {language})
{found}
add_executable(consumer main.{ending})
target_link_libraries(consumer PRIVATE pump::pump)
"""
MAIN = """\
#include <pump_detector.h>
static pump_detector detector;
int main(void) {
  pump_detector_init(&detector);
  return detector.alarm;
}
"""
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def build(source, target, *options):
    run(tool("cmake", "cmake"), "-S", source, "-B", target, *options)
    run("cmake", "--build", target)


def consume(folder, found, language="C", *options):
    """Build and run a project that uses the library."""
    folder.mkdir()
    ending = {"C": "c", "CXX": "cpp"}[language]
    (folder / "CMakeLists.txt").write_text(CONSUMER.format(found=found, language=language, ending=ending))
    (folder / f"main.{ending}").write_text(MAIN)
    build(folder, folder / "build", *options)
    run(folder / "build" / "consumer")


@needs_gcc
def test_its_own_build_passes_its_test_and_installs_a_package_that_is_found(model, tmp_path):
    folder = laid_out(model, tmp_path, "cmake")
    build(folder, tmp_path / "build")
    assert "100% tests passed" in run("ctest", "--test-dir", tmp_path / "build")
    run("cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "prefix")
    shutil.rmtree(folder)
    shutil.rmtree(tmp_path / "build")
    prefix = f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}"
    consume(tmp_path / "c", "find_package(pump 0.0 CONFIG REQUIRED)", "C", prefix)
    consume(tmp_path / "cpp", "find_package(pump CONFIG REQUIRED)", "CXX", prefix)
    with pytest.raises(AssertionError, match=r"requested\s+version"):
        consume(tmp_path / "later", "find_package(pump 1.0 CONFIG REQUIRED)", "C", prefix)


@needs_gcc
def test_a_project_takes_it_as_a_subdirectory(model, tmp_path):
    laid_out(model, tmp_path, "cmake")
    consume(tmp_path / "project", "add_subdirectory(../pump pump)")


@needs_gcc
def test_a_name_that_cmake_reserves_is_fine(model, tmp_path):
    build(laid_out(model, tmp_path, "cmake", "test"), tmp_path / "build")
    assert "100% tests passed" in run("ctest", "--test-dir", tmp_path / "build")


@contextmanager
def watching(program, adc):
    process = subprocess.Popen([program, adc], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def write_adc(folder, row):
    """Lay out an ADC as Linux's IIO does, one millivolt a step."""
    folder.mkdir(exist_ok=True)
    (folder / "in_voltage_scale").write_text("1.0\n")
    for channel, value in enumerate(row):
        (folder / f".{channel}").write_text(f"{value:.9g}\n")
        (folder / f".{channel}").replace(folder / f"in_voltage{channel}_raw")


@needs_gcc
@pytest.mark.parametrize("layout", ["plain", "cmake"])
def test_the_example_says_when_an_alarm_starts_and_ends(model, rows, tmp_path, layout):
    folder, adc = laid_out(model, tmp_path, layout), tmp_path / "iio:device0"
    sources = [folder / "examples" / "analog_sensors.c", folder / "pump_net.c", folder / "pump_detector.c"]
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic", "-DPERIOD_MS=1"]
    run("gcc", *flags, f"-I{folder}", *sources, "-lm", "-o", tmp_path / "watch")
    usual = rows[:100].mean(axis=0)
    write_adc(adc, usual * [1, 2, 1, 1])
    with watching(tmp_path / "watch", adc) as lines:
        assert re.fullmatch(r"alarm: score \d+\.\d\d, look at pressure\n", lines.readline())
        write_adc(adc, usual)
        assert lines.readline() == "alarm over\n"
        write_adc(adc, usual * [1, 1, 3, 1])
        assert re.fullmatch(r"alarm: score \d+\.\d\d, look at current\n", lines.readline())
