"""Kill device and publisher with SIGKILL at random moments; there must always be one good model, and a good registry.

    TMPDIR=/dev/shm PYTHONPATH=.:tests/support python tests/endurance/registry_kills.py [KILLS [SEED]]

A publisher writes a new version whenever the one before is written, into a folder that is served over http. A device
takes them: first `saelite run` with readings, killed so often, some before they have opened anything; then, as often
again, a process that does nothing but take one version after the other, so that kills fall between the writes. After
each kill

- the model file, once there is one, opens with the maker's key and is one of those that were published;
- so are the files to go back to, and the state is readable and knows no older index than before;
- `index.signed` is signed, and every model that it names is there.

A third of the kills hits the publisher too. In the end the device takes the newest version.
"""

import itertools
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from machines import SENSORS, pump_rows
from registries import ASSET, Device, Maker, served

from edge_runtime.model_file.container import read_model_file
from edge_runtime.registry.device_state import read_device_state
from edge_runtime.registry.index import INDEX_NAME, digest, model_name, parse_index

PATIENCE_S = 120


class Kill(NamedTuple):
    """What was found after a kill: the version in the model file, that of the newest index seen, and what is wrong."""

    version: int
    index: int
    problems: tuple[str, ...]


class Site:
    """A maker, a registry and a device in one folder."""

    def __init__(self, folder, address):
        self.folder, self.address = folder, address
        self.public = folder / "maker.pem.pub"
        self.registry, self.device = folder / "registry", folder / "device"

    def start(self, *words):
        """Start this script in another role."""
        command = [sys.executable, __file__, *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def publisher(self):
        """Start publishing one version after the other."""
        return self.start("--publish", self.folder)

    def runner(self):
        """Start `saelite run`, fed with readings."""
        process = subprocess.Popen(
            [sys.executable, "-m", "saelite", "run", "pump.tflite", "--source", "-", "--registry", self.address,
             "--asset", ASSET, "--trusted-key", self.public, "--state", "state.json", "--registry-interval", "0.05s"],
            cwd=self.device, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        threading.Thread(target=feed, args=(process,), daemon=True).start()
        return process

    def taker(self):
        """Start a device that does nothing but take versions."""
        process = self.start("--take", self.folder, self.address)
        process.stdout.readline()
        return process

    def look(self, before):
        """Return what a kill left."""
        problems, version = [], 0
        model = self.device / "pump.tflite"
        published = {path.name for path in (self.registry / "models").glob("*.tflite")}
        for path in (model, *(self.device / f"state.json.{kind}" for kind in ("model", "previous"))):
            if path.exists():
                with reporting(path.name, problems):
                    found = read_model_file(path, trusted_key=self.public).manifest.version
                    version = found if path == model else version
                if f"{digest(path.read_bytes())}.tflite" not in published:
                    problems.append(f"{path.name} was never published")
            elif path == model and before.version:
                problems.append("there is no model any more")
        index = before.index
        with reporting("state", problems):
            state = read_device_state(self.device / "state.json.registry")
            index = state.index_version if state else 0
        if index < before.index:
            problems.append(f"index {index} was seen after {before.index}")
        with reporting("index", problems):
            self._check_index()
        return Kill(version, index, tuple(problems))

    def _check_index(self):
        path = self.registry / INDEX_NAME
        if path.exists():
            index = parse_index(path.read_bytes(), (self.public,), path)
            for release in index.releases_of(ASSET):
                content = (self.registry / model_name(release.sha256)).read_bytes()
                if digest(content) != release.sha256:
                    raise ValueError(f"{release.sha256} is another file")


class reporting:  # noqa: N801 - reads like contextlib's
    """Turns an exception into a problem."""

    def __init__(self, what, problems):
        self.what, self.problems = what, problems

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Exception):
            self.problems.append(f"{self.what}: {kind.__name__}: {error}")
        return isinstance(error, Exception)


def feed(process):
    """Write readings until nobody takes them any more."""
    rows = pump_rows(400)
    with suppress(OSError, ValueError):
        process.stdin.write((",".join(SENSORS) + "\n").encode())
        while True:
            for row in rows:
                process.stdin.write((",".join(f"{value:.6g}" for value in row) + "\n").encode())
                process.stdin.flush()
                time.sleep(0.002)


def end(process):
    """Kill a process."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with suppress(OSError):
                stream.close()


def kills_of(count, seed=0, longest_s=2.5):
    """Kill so often in each way, and yield what is found each time; the last is of a device that was left in peace."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        Maker(folder)
        (folder / "device").mkdir()
        (folder / "registry").mkdir()
        address, _ = stack.enter_context(served(folder / "registry"))
        site = Site(folder, address)
        publisher, last = site.publisher(), Kill(0, 0, ())
        stack.callback(lambda: end(publisher))
        for kind in ("runner", "taker"):
            for _ in range(count):
                device = getattr(site, kind)()
                time.sleep(rng.uniform(0, longest_s if kind == "runner" else 0.5))
                end(device)
                if rng.random() < 1 / 3:
                    end(publisher)
                    publisher = site.publisher()
                last = site.look(last)
                yield last
        end(publisher)
        yield settled(site, last)


def settled(site, before):
    """Publish once more, leave the device in peace, and return what it takes."""
    newest = before.version + 10_000
    Maker(site.folder).publish(newest)
    device = site.runner()
    stop = time.monotonic() + PATIENCE_S
    while (found := site.look(before)).version != newest and time.monotonic() < stop:
        time.sleep(0.2)
    end(device)
    if found.version == newest:
        return found
    return found._replace(problems=(*found.problems, f"version {newest} was never taken: {found.version}"))


def publish_for_ever(folder):
    """Publish one version after the other."""
    maker = Maker(folder)
    version = max((int(path.stem) for path in maker.registry.glob("indexes/*")), default=0)
    while True:
        version += 1
        maker.publish(version, allow_downgrade=True)
        for path in folder.glob("made-*"):
            path.unlink()
        time.sleep(0.02)


def take_for_ever(folder, address):
    """Take one version after the other; every other passes its probation at once, some are rolled back."""
    device = Device(folder / "device", address, folder / "maker.pem.pub")
    print("begins", flush=True)
    while True:
        with suppress(Exception):
            device.start()
            for number in itertools.count():
                device.look()
                if device.updater.state.probation and number % 3:
                    device.updater.settle()
                elif device.updater.state.probation and number % 5:
                    device.updater.roll_back("for the test")
        time.sleep(0.05)


def main(count, seed):
    """Kill, and print."""
    kills = list(kills_of(count, seed))
    versions = len({kill.version for kill in kills})
    for number, kill in enumerate(kills):
        for problem in kill.problems:
            print(f"kill {number}: {problem}")
    problems = sum(bool(kill.problems) for kill in kills)
    print(
        f"{len(kills) - 1} kills: {problems} with problems; {versions} versions were found in use, "
        f"{kills[-1].index} indexes published, the newest version taken in the end: {kills[-1].version}"
    )
    sys.exit(problems > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--publish"]:
        publish_for_ever(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--take"]:
        take_for_ever(Path(sys.argv[2]), sys.argv[3])
    else:
        main(*(int(word) for word in (sys.argv[1:] + ["200", "0"][len(sys.argv) - 1 :])))
