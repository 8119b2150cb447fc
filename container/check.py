"""Run the image as docs/how-to/container.md does, and check that it keeps its promises.

    python container/check.py [amd64 arm64] [--podman 'podman --runtime runc'] [--option=--ulimit=nofile=1024:1024]

In each container a model scores readings from standard input, with a root file system that cannot be written, without
capabilities and as a user that is nobody: it must score them, answer the health check, keep its state, and end on
SIGTERM. An image for another processor runs in qemu. Ends with exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from machines import SENSORS, pump_rows
from network_files import float_graph, model_file

from saelite.version import __version__

EMULATORS = {"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}
# Python under an emulator, as one program: saelite starts Python again to try a model out.
PYTHON_IN_EMULATOR = """
#include <unistd.h>
int main(int count, char **given) {
    char *words[count + 4];
    words[0] = "/emulator", words[1] = "-0", words[2] = given[0], words[3] = "/usr/bin/python3";
    for (int i = 1; i <= count; i++) words[i + 3] = given[i];
    return execv(words[0], words);
}
"""
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
NAME, PATIENCE_S, ROWS = "saelite-check", 120, 50
# Run inside: who it is, what it may write, whether authorities of TLS are known, and whether licences are there.
FACTS = """
import json, os, ssl
from importlib.metadata import distributions
from pathlib import Path
def writable(path):
    try:
        open(path, "w").close()
    except OSError:
        return False
    return True
capabilities = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff"))
print(json.dumps({
    "user": os.getuid(), "root": writable("/x") or writable("/opt/saelite/x"), "data": writable("/data/x"),
    "capabilities": int(capabilities, 16), "authorities": len(ssl.create_default_context().get_ca_certs()),
    "debian": len(list(Path("/usr/share/doc").glob("*/copyright"))),
    "gpl": Path("/usr/share/common-licenses/GPL").exists(),
    "wheels": len(list(distributions())),
}))
"""


class ImageError(Exception):
    """The image is not what it should be."""


def main() -> int:
    """Check every image asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("architectures", nargs="*", default=["amd64", "arm64"], metavar="ARCH")
    parser.add_argument("--tag", default=f"localhost/saelite:{__version__}")
    parser.add_argument("--podman", default="podman", help="podman with its global options")
    parser.add_argument("--option", action="append", default=[], help="more options of podman run; repeatable")
    arguments = parser.parse_args()
    if shutil.which(shlex.split(arguments.podman)[0]) is None:
        print("image: not run, there is no podman here")
        return 0
    for architecture in arguments.architectures:
        try:
            check(architecture, arguments.tag, shlex.split(arguments.podman), arguments.option)
        except (ImageError, subprocess.SubprocessError) as error:
            print(f"image: {architecture}: {error}", file=sys.stderr)
            return 1
    return 0


def check(architecture: str, tag: str, podman: list[str], options: list[str]) -> None:
    """Run one image and check it."""
    with tempfile.TemporaryDirectory() as folder:
        models, data = Path(folder, "models"), Path(folder, "data")
        for path in (models, data):
            path.mkdir(mode=0o777)
            path.chmod(0o777)
        Path(folder).chmod(0o755)
        model_file(float_graph()).write(models / "pump.tflite")
        (models / "pump.tflite").chmod(0o644)
        mounts = [f"--volume={models}:/models:ro", f"--volume={data}:/data"]
        python = "/usr/bin/python3"
        if architecture != HERE:
            python = "/emulated-python"
            emulator = emulated_python(Path(folder))
            mounts += [
                f"--volume={shutil.which(EMULATORS[architecture])}:/emulator:ro",
                f"--volume={emulator}:{python}:ro",
            ]
        inside = Inside(f"{tag}-{architecture}", python, podman, [f"--arch={architecture}", *options, *mounts])
        facts = json.loads(inside.python("-c", FACTS))
        expect({key: facts[key] for key in ("user", "root", "data", "capabilities")},
               {"user": 65_532, "root": False, "data": True, "capabilities": 0})  # fmt: skip
        expect(facts["authorities"] > 100, wanted=True)
        expect((facts["debian"] > 30, facts["gpl"], facts["wheels"] > 1), (True, True, True))
        print(f"image: {architecture}: {watch(inside, data)}")


class Inside:
    """Commands in fresh containers of one image."""

    def __init__(self, tag: str, python: str, podman: list[str], options: list[str]) -> None:
        self._podman, self._tag, self._python = podman, tag, python
        secure = ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp"]
        self._run = [*podman, "run", "--rm", *secure, *options]

    def python(self, *arguments: str) -> str:
        """Return what Python prints in a container."""
        return subprocess.run(
            [*self._run, f"--entrypoint={self._python}", self._tag, *arguments],
            check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S,
        ).stdout  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start saelite in a container called `NAME`."""
        entry = json.dumps([self._python, "-m", "saelite"])
        options = ["--interactive", f"--name={NAME}", f"--entrypoint={entry}"]
        return subprocess.Popen([*self._run, *options, self._tag, *arguments], stdin=subprocess.PIPE)

    def is_healthy(self) -> bool:
        """Return whether the image's own health check is content."""
        shown = subprocess.run(
            [*self._podman, "inspect", "--format={{json .Config.Healthcheck.Test}}", NAME],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if shown.returncode:
            return False
        command = json.loads(shown.stdout)
        return not subprocess.run(
            [*self._podman, "exec", NAME, self._python, *command[2:]], check=False, capture_output=True
        ).returncode

    def stop(self) -> None:
        """Stop the container as podman does: SIGTERM first."""
        subprocess.run([*self._podman, "stop", "--time=60", NAME], check=True, stdout=subprocess.DEVNULL)


def emulated_python(folder: Path) -> Path:
    """Return a program that is Python under an emulator."""
    source, program = folder / "python.c", folder / "python"
    source.write_text(PYTHON_IN_EMULATOR)
    subprocess.run(["gcc", "-static", "-o", str(program), str(source)], check=True)
    return program


def watch(inside: Inside, data: Path) -> str:
    """Let a container score readings, and return what was found, in words."""
    process = inside.start(
        "run", "/models/pump.tflite", "--source", "-", "--sink", "jsonl:/data/results.jsonl",
        "--sink", "prometheus:0.0.0.0:9109", "--state", "/data/state.json",
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    lines = [",".join(SENSORS), *(",".join(f"{value:.6g}" for value in row) for row in pump_rows(ROWS).tolist())]
    process.stdin.write("\n".join([*lines, ""]).encode())
    process.stdin.flush()
    results = data / "results.jsonl"
    wait_for("results", process, lambda: results.exists() and results.read_text().count('"drift"') == ROWS - 1)
    wait_for("the health check", process, inside.is_healthy)
    inside.stop()
    expect(process.wait(PATIENCE_S), 0)
    expect((data / "state.json").exists(), wanted=True)
    return (
        f"{ROWS - 1} results, healthy, not root, nothing written outside /data, ended by SIGTERM with its state saved"
    )


def wait_for(what: str, process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Wait until something is true of a container that runs."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > end_s:
            raise ImageError(f"waited in vain for {what}")
        time.sleep(0.2)


def expect(found: object, wanted: object) -> None:
    """Raise if two things differ."""
    if found != wanted:
        raise ImageError(f"expected {wanted}. Received: {found}")


if __name__ == "__main__":
    sys.exit(main())
