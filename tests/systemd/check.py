"""Boot a virtual machine with a real systemd, and run the service in it that `saelite service` writes.

    python tests/systemd/check.py [--keep FOLDER]

Needs root, mmdebstrap, qemu-system-x86_64, mkfs.ext4 and a Debian mirror. The processor is emulated, so that it runs
anywhere, and takes ten minutes. The service is started, killed, reloaded, stopped and left to hang; then the machine
boots again. Exit code 1 if anything is wrong. With --keep the machine's root folder is made once and used again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
NEEDED = ("mmdebstrap", "qemu-system-x86_64", "mkfs.ext4")
PACKAGES = "systemd,systemd-sysv,udev,dbus,python3,initramfs-tools,zstd,linux-image-cloud-amd64"
SUITE, PYTHON = "bookworm", "3.11"
BOOT_S = 1800
PROGRAM = "#!/usr/bin/python3\nfrom saelite.__main__ import main\n\nmain()\n"
FIFO = "p+ /run/pump.fifo 0666 root root -\n"
UNIT = """\
[Service]
ExecStart=/usr/bin/python3 -u /opt/in_guest.py {what}
[Install]
WantedBy=multi-user.target
"""


def make_root(root: Path) -> None:
    """Install a small Debian."""
    subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={PACKAGES}", SUITE, root], check=True)


def install(root: Path, work: Path) -> None:
    """Install saelite as a wheel, a model, a machine that sends readings, and who looks on."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", work, ROOT], check=True)
    (wheel,) = work.glob("*.whl")
    packages = root / "usr/lib/python3/dist-packages"
    target = ["--target", packages, "--upgrade", "--python-version", PYTHON, "--only-binary=:all:"]
    subprocess.run([*pip, "install", *target, wheel], check=True)
    put(root / "usr/local/bin/saelite", PROGRAM, 0o755)
    put(root / "etc/tmpfiles.d/pump.conf", FIFO)
    shutil.copy(Path(__file__).with_name("in_guest.py"), root / "opt/in_guest.py")
    for what, words in (("machine", "feed"), ("look", "")):
        put(root / f"etc/systemd/system/{what}.service", UNIT.format(what=words))
        wants = root / f"etc/systemd/system/multi-user.target.wants/{what}.service"
        wants.unlink(missing_ok=True)
        wants.symlink_to(f"../{what}.service")
    write_machine(root)


def write_machine(root: Path) -> None:
    """Write the model and the readings."""
    from streaming_machine import EIGHT, rows_of, write_model

    (root / "etc/saelite").mkdir(exist_ok=True)
    write_model(root / "etc/saelite/pump.tflite")
    rows = [",".join(f"{value:.6g}" for value in row) for row in rows_of(2000)]
    put(root / "opt/rows.csv", "\n".join([",".join(EIGHT), *rows]) + "\n")


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def boot(root: Path, disk: Path) -> list[str]:
    """Boot once, until the machine is off; return what was checked."""
    (kernel,), (initrd,) = (list((root / "boot").glob(f"{name}-*")) for name in ("vmlinuz", "initrd.img"))
    command = [
        "timeout", str(BOOT_S), "qemu-system-x86_64",
        "-m", "1024", "-smp", "1", "-nographic", "-no-reboot", "-nic", "none",
        "-accel", "tcg", "-cpu", "max",
        "-kernel", str(kernel), "-initrd", str(initrd), "-drive", f"file={disk},format=raw,if=virtio",
        "-append", "root=/dev/vda rw console=ttyS0 panic=-1",
    ]  # fmt: skip
    checks = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as vm:
        assert vm.stdout is not None
        for line in vm.stdout:
            print(line.rstrip(), flush=True)
            if "CHECK " in line:
                checks.append(line[line.index("CHECK ") + 6 :].strip())
    return checks


def main() -> int:
    """Make the machine, boot it twice, and say what was wrong."""
    parser = argparse.ArgumentParser(description="Run the service under a real systemd in a virtual machine.")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to make, or find, the root folder")
    keep = parser.parse_args().keep
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        print(
            f"expected {', '.join(NEEDED)}. Missing: {', '.join(missing)}. Install Debian's packages.", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        root = (keep or work) / "root"
        if not root.exists():
            make_root(root)
        install(root, work)
        disk = work / "disk"
        subprocess.run(["mkfs.ext4", "-q", "-d", root, disk, "3G"], check=True)
        checks = [*boot(root, disk), *boot(root, disk)]
    wrong = [check for check in checks if not check.startswith("good")]
    boots = sum(check.startswith("good: end") for check in checks)
    print(f"\n{boots} of 2 boots came to their end, {len(wrong)} of {len(checks)} checks failed")
    return 1 if wrong or boots < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
