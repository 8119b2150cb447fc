"""Build the container image, for this machine's processor and for others, without a registry and without emulation.

    python container/build.py [amd64 arm64] [--folder build/container] [--tag localhost/saelite:0.1.0]

For each processor it unpacks Debian's Python into ``root-ARCH``, adds the wheels of requirements-device-extras.txt
(checked against their SHA-256) and saelite itself, and compiles all of it. With buildah the folders become images of
one manifest; without it they are left for ``docker build``. It needs Debian's apt, Python 3.11 and uv.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from arm.sysroot import unpack_packages

from saelite.version import __version__

ROOT = Path(__file__).resolve().parents[1]
# Debian 12's Python, for which all wheels of the requirements exist and `make test-arm` runs the tests.
PYTHON = "3.11"
PACKAGES = ("python3", "libstdc++6", "ca-certificates", "tzdata", "base-files")
PLATFORMS = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
USER = 65_532
# What nothing in the image uses: other programs, Python's own tests and parts for desktops.
UNUSED = (
    "bin", "sbin", "usr/sbin", "usr/games", "usr/share/man", "usr/share/locale", "usr/share/perl5",
    "usr/share/bash-completion", "usr/share/pixmaps", "usr/share/applications", "usr/share/lintian",
    "usr/share/debconf",
    "usr/share/info", "usr/share/python3", "usr/lib/*/perl-base", "usr/lib/*/gconv", "usr/lib/valgrind", "etc/init.d",
    "usr/lib/python3.11/test", "usr/lib/python3.11/idlelib", "usr/lib/python3.11/lib2to3",
    "usr/lib/python3.11/turtledemo", "usr/lib/python3.11/ensurepip", "usr/lib/python3.11/pydoc_data",
    "opt/saelite/bin", "opt/saelite/numpy/*/tests", "opt/saelite/numpy/tests", "opt/saelite/numpy/f2py",
    "opt/saelite/numpy/core/include", "opt/saelite/numpy/core/lib", "opt/saelite/asyncua/pubsub",
)  # fmt: skip
KEPT_PROGRAMS = ("python3", "python3.11")


def main() -> int:
    """Build what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "architectures", nargs="*", default=list(PLATFORMS), metavar="ARCH", help="amd64, arm64 or both"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "container")
    parser.add_argument("--tag", default=f"localhost/saelite:{__version__}")
    arguments = parser.parse_args()
    if missing := [name for name in ("apt-get", "dpkg", f"python{PYTHON}") if shutil.which(name) is None]:
        print(f"image: this machine lacks {', '.join(missing)}. Expected Debian 12 or newer with Python {PYTHON}.")
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for architecture in arguments.architectures:
        root = make_root(architecture, arguments.folder)
        print(f"image: {root}: {size(root) / 1e6:.0f} MB")
    shutil.copy(ROOT / "container" / "Containerfile", arguments.folder)
    if shutil.which("buildah") is None:
        print(f"image: no buildah here. Build with: docker build --platform linux/ARCH -t saelite {arguments.folder}")
        return 0
    build_images(arguments.architectures, arguments.folder, arguments.tag)
    return 0


def make_root(architecture: str, folder: Path) -> Path:
    """Return the folder with the image's files, made anew from downloads that are kept."""
    system = unpack_packages(architecture, PACKAGES, folder / "debian" / architecture)
    root = folder / f"root-{architecture}"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(system, root, symlinks=True)
    join_usr(root)
    install(architecture, root / "opt" / "saelite")
    write_settings(root)
    remove_unused(root)
    compile_all(root)
    return root


def join_usr(root: Path) -> None:
    """Lead /lib to /usr/lib, as an installed Debian does; unpacked packages still have both."""
    for name in ("lib", "lib64", "lib32", "libx32"):
        if (root / name).is_dir() and not (root / name).is_symlink():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
            (root / name).symlink_to(f"usr/{name}")


def install(architecture: str, target: Path) -> None:
    """Install the pinned wheels for a processor, and saelite."""
    uv = [*uv_command(), "pip", "install", "--quiet", "--no-config", "--target", str(target)]
    where = ["--python-version", PYTHON, "--python-platform", PLATFORMS[architecture], "--no-deps"]
    requirements = ["--require-hashes", "-r", str(ROOT / "requirements-device-extras.txt")]
    subprocess.run([*uv, *where, "--only-binary", ":all:", *requirements], check=True)
    subprocess.run([*uv, *where, str(ROOT)], check=True)


def uv_command() -> list[str]:
    """Return how to call uv: beside this Python, or wherever it is."""
    beside = Path(sys.executable).with_name("uv")
    return [str(beside) if beside.exists() else "uv"]


def write_settings(root: Path) -> None:
    """Write the user, the certificates of authorities, and the folder for data."""
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "passwd").write_text(f"saelite:x:{USER}:{USER}::/data:/nonexistent\n")
    (root / "etc" / "group").write_text(f"saelite:x:{USER}:\n")
    # Debian writes this file when the package is set up, which here it never is.
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(b"".join(one.read_bytes() for one in certificates))
    for name, mode in (("tmp", 0o1777), ("data", 0o777), ("run", 0o755), ("proc", 0o555), ("sys", 0o555)):
        (root / name).mkdir(exist_ok=True)
        (root / name).chmod(mode)


def remove_unused(root: Path) -> None:
    """Delete what nothing in the image uses; of the documentation, Debian's licences stay."""
    for path in list((root / "usr/share/doc").rglob("*")):
        if path.name != "copyright" and not path.is_dir():
            path.unlink()
    for path in (path for pattern in UNUSED for path in root.glob(pattern)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
    for program in (root / "usr/bin").iterdir():
        if program.name not in KEPT_PROGRAMS:
            program.unlink()


def compile_all(root: Path) -> None:
    """Write bytecode that no change of a time invalidates: a read-only image cannot write it later."""
    folders = [root / "usr/lib/python3.11", root / "usr/lib/python3", root / "opt/saelite"]
    command = [f"python{PYTHON}", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(root)]
    subprocess.run([*command, *map(str, folders)], check=False, stdout=subprocess.DEVNULL)


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def build_images(architectures: list[str], folder: Path, tag: str) -> None:
    """Build an image for each processor, ``TAG-ARCH``, and one name for all of them."""
    subprocess.run(["buildah", "manifest", "rm", tag], check=False, capture_output=True)
    buildah("manifest", "create", tag)
    for architecture in architectures:
        one = f"{tag}-{architecture}"
        # Docker's format: OCI's has no health check.
        how = ["--format", "docker", "--platform", f"linux/{architecture}", "--quiet", "--tag", one]
        buildah("build", *how, "--build-arg", f"TARGETARCH={architecture}", str(folder))
        buildah("manifest", "add", tag, one)
    print(f"image: {tag} for {' and '.join(architectures)}")


def buildah(*arguments: str) -> None:
    """Call buildah."""
    subprocess.run(["buildah", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
