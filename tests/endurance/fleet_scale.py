"""What a fleet costs beyond its fits: scheduling many assets, the efficiency of workers, workers that are killed.

python tests/endurance/fleet_scale.py schedule 10000      # in chunks as large as the product's
python tests/endurance/fleet_scale.py schedule 10000 1    # one by one
python tests/endurance/fleet_scale.py efficiency 12
python tests/endurance/fleet_scale.py memory 500
python tests/endurance/fleet_scale.py kill 8
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from fleet_tasks import StubFit
from machines import pump_rows, write_csv

from edge_runtime.model_file.container import read_model_file
from saelite.fleet.assets import Asset
from saelite.fleet.executors import Lost, chunked, every_result, executor_for
from saelite.fleet.fit_assets import FleetFit
from saelite.fleet.fleet_settings import FleetSettings
from saelite.fleet.training import at_once
from training.settings import DetectorSettings

_MB = 2**20
_WORKERS = 2
_ROWS, _CHUNK = 600, 4
_OPTIONS = {"preset": "tiny", "epochs": 5}


def main():
    what, *numbers = sys.argv[1:]
    {"schedule": schedule, "efficiency": efficiency, "memory": memory, "kill": kill}[what](*map(int, numbers))


def schedule(count, chunk=None):
    """Send many assets with a stub fit through each engine; its results are as large as real ones."""
    chunk = chunk or at_once(count, _WORKERS)
    with executor_for(workers=_WORKERS) as executor:
        _through(executor, count, chunk, {"client": os.getpid()})
    with dask_cluster() as (address, processes), executor_for(address) as executor:
        _through(executor, count, chunk, {"client": os.getpid(), **processes})


def _through(executor, count, chunk, processes):
    assets = (Asset(f"pump{number}", (f"s3://plant/pump{number}.parquet",)) for number in range(count))
    before_s = _cpu_s(processes)
    with _watched(processes) as memory:
        began = time.monotonic()
        seen = [asset.name for asset, _ in every_result(executor, StubFit(), chunked(assets, chunk))]
        took_s = time.monotonic() - began
    used_s = {name: after_s - before_s[name] for name, after_s in _cpu_s(processes).items()}
    assert sorted(seen) == sorted(f"pump{number}" for number in range(count)), "an asset is missing, or came twice"
    print(f"{executor.name}: {count:,} assets, {chunk} at once, in {took_s:.1f} s")
    for name, found in memory.items():
        tenth, most = max(found[: max(1, len(found) // 10)]), max(found)
        print(f"  {name}: {used_s[name]:.1f} CPU s; {tenth / _MB:.0f} MB after a tenth, {most / _MB:.0f} MB at most")


def _cpu_s(processes):
    """Return the CPU seconds of some processes and of all their children that still run."""
    return {
        name: sum(sum(one.cpu_times()[:2]) for one in (psutil.Process(pid), *_children(pid, name)))
        for name, pid in processes.items()
    }


def _children(pid, name):
    return [] if name == "client" else psutil.Process(pid).children(recursive=True)


def efficiency(count):
    """Fit pumps with one worker and with two, in equal chunks; print CPU seconds for each asset."""
    settings = FleetSettings(detector=DetectorSettings(**_OPTIONS))
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place) / f"pump{number}.csv" for number in range(count)]
        assets = [
            Asset(file.stem, (str(write_csv(file, pump_rows(_ROWS, number))),)) for number, file in enumerate(files)
        ]
        for options in ({"workers": 1}, {"workers": 2}, {"cluster": "local:1"}, {"cluster": "local:2"}):
            began, cpu_s = time.monotonic(), _children_cpu_s()
            with executor_for(**options) as executor:
                found = [result for _, result in every_result(executor, FleetFit(settings), chunked(assets, _CHUNK))]
            took_s, cpu_s = time.monotonic() - began, _children_cpu_s() - cpu_s
            assert all(one.files for one in found), "an asset has no model"
            own_s = sum(one.outcome.cpu_s for one in found)
            line = {**options, "assets": count, "wall_s": round(took_s, 1), "cpu_s_an_asset": round(own_s / count, 2)}
            if "workers" in options:  # Dask's nannies do not wait for the children of their workers
                line["with_start_of_workers"] = round(cpu_s / count, 2)
            print(json.dumps(line), flush=True)


def kill(count):
    """Fit pumps on Dask, kill both its workers while they fit, and check that each pump has its own model once."""
    settings = FleetSettings(detector=DetectorSettings(**_OPTIONS))
    with tempfile.TemporaryDirectory() as place, dask_cluster() as (address, processes), executor_for(address) as dask:
        files = [Path(place) / f"pump{number}.csv" for number in range(count)]
        assets = [
            Asset(file.stem, (str(write_csv(file, pump_rows(_ROWS, number))),)) for number, file in enumerate(files)
        ]
        killed, began, found = set(), time.monotonic(), {}
        for asset, result in every_result(dask, FleetFit(settings), chunked(assets, 1)):
            assert asset.name not in found, f"{asset.name} came twice"
            found[asset.name] = result
            if len(killed) < _WORKERS:
                killed.add(_kill_one_that_fits(processes["workers"], killed))
        assert sorted(found) == sorted(one.name for one in assets), "an asset is missing"
        for name, result in found.items():
            assert not isinstance(result, Lost), f"{name}: {result.reason}"
            path = Path(place) / "model.tflite"
            path.write_bytes(result.files["model.tflite"])
            assert read_model_file(path).manifest.name == name, "an asset has another's model"
        print(
            f"{count} assets, {len(killed)} workers killed as they fitted, none lost, {time.monotonic() - began:.0f} s"
        )


def _kill_one_that_fits(pid, killed):
    """Kill a Dask worker whose child is in the middle of a fit, and return its number."""
    while True:
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                worker = child.parent()
                if "saelite.fleet.executors.child" not in child.cmdline() or worker.pid in killed:
                    continue
                before_s = sum(child.cpu_times()[:2])
                time.sleep(1.0)
                if sum(child.cpu_times()[:2]) > before_s:  # at work, and not waiting for the next pump
                    worker.kill()
                    return worker.pid


def memory(count):
    """Fit pumps in one process, replaced as in the product; print its memory and this one's by tenths of the assets."""
    settings = FleetSettings(detector=DetectorSettings(preset="tiny", epochs=1))
    with tempfile.TemporaryDirectory() as place:
        file = str(write_csv(Path(place) / "pump.csv", pump_rows(200, jumps=False)))
        assets = (Asset(f"pump{number}", (file,)) for number in range(count))
        found, tenth = [], max(1, count // 10)
        with executor_for(workers=1) as executor:
            for asset, result in every_result(executor, FleetFit(settings), chunked(assets, at_once(count, 1))):
                assert not isinstance(result, Lost), f"{asset.name}: {result.reason}"
                assert result.files, f"{asset.name}: {result.outcome.reason}"
                found.append((_resident_mb(os.getpid()), sum(map(_resident_mb, _workers()))))
        for number, part in enumerate(found[start : start + tenth] for start in range(0, count, tenth)):
            own, worker = (max(one) for one in zip(*part, strict=True))
            print(f"to asset {(number + 1) * tenth}: command {own:.0f} MB, worker and its checkers {worker:.0f} MB")


def _workers():
    return [one.pid for one in psutil.Process().children(recursive=True)]


def _resident_mb(pid):
    try:
        return psutil.Process(pid).memory_info().rss / _MB
    except psutil.NoSuchProcess:
        return 0.0


def _children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def dask_cluster():
    """Start a scheduler and workers in processes of their own; yield the scheduler's file, and their processes."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "scheduler.json"
        dask = [sys.executable, "-m", "dask"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": place}
        scheduler = subprocess.Popen(
            [*dask, "scheduler", "--scheduler-file", file, "--port", "0", "--no-dashboard"], **quiet
        )
        workers = subprocess.Popen(
            [*dask, "worker", "--scheduler-file", file, "--nworkers", str(_WORKERS), "--nthreads", "1",
             "--no-dashboard"], **quiet,
        )  # fmt: skip
        try:
            while not file.exists():
                time.sleep(0.05)
            yield str(file), {"scheduler": scheduler.pid, "workers": workers.pid}
        finally:
            for process in (workers, scheduler):
                process.terminate()
                process.wait()


@contextmanager
def _watched(processes):
    """Collect the memory of processes, five times a second."""
    memory, is_over = {name: [] for name in processes}, threading.Event()

    def watch():
        while not is_over.wait(0.2):
            for name, pid in processes.items():
                memory[name].append(psutil.Process(pid).memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        is_over.set()
        thread.join()


if __name__ == "__main__":
    main()
