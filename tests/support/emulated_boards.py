"""The C library on real Cortex-M and RISC-V instructions: cross-compiled, and run by QEMU with semihosting."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.c_library.library import write_c_library

_SUPPORT = Path(__file__).with_name("emulated")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wdouble-promotion", "-Wshadow", "-pedantic"]
_SMALL = ["-Os", "-std=c99", "-ffunction-sections", "-fdata-sections"]
COUNTED = 64
"""Windows whose instructions are counted together."""


@dataclass(frozen=True)
class Toolchain:
    """A compiler for an architecture, with its emulator.

    Parameters
    ----------
    gcc, qemu : str
        Programs.
    packages : str
        Debian's, with the C library.
    flags : tuple of str
        For the compiler, which choose the C library.
    linker_flags : tuple of str
    startup, script : str
        Files of ``emulated``.
    """

    gcc: str
    qemu: str
    packages: str
    flags: tuple[str, ...]
    linker_flags: tuple[str, ...]
    startup: str
    script: str

    def missing(self):
        """Return why nothing can be compiled and run; empty if everything is there."""
        absent = [name for name in (self.gcc, self.qemu) if shutil.which(name) is None]
        if absent:
            return f"{' and '.join(absent)} not installed (apt-get install {self.packages})"
        command = [self.gcc, *self.flags, "-E", "-x", "c", "-"]
        probe = subprocess.run(command, input=b"#include <math.h>\n", capture_output=True, check=False)
        return "" if probe.returncode == 0 else f"the C library is not installed (apt-get install {self.packages})"


_CORTEX_M = Toolchain("arm-none-eabi-gcc", "qemu-system-arm",
                      "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm", ("-mthumb",),
                      ("--specs=nano.specs",), "cortex_m_startup.c", "cortex_m.ld")  # fmt: skip
_RISCV = Toolchain("riscv64-unknown-elf-gcc", "qemu-system-riscv32",
                   "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc",
                   ("--specs=picolibc.specs",), ("-Wl,--no-warn-rwx-segments",), "riscv_startup.c",
                   "riscv.ld")  # fmt: skip


@dataclass(frozen=True)
class Board:
    """A board that QEMU emulates.

    Parameters
    ----------
    machine : str
        As QEMU calls it.
    flags : tuple of str
        For the compiler.
    flash, ram, ram_size : int
        Addresses, bytes.
    tick_ns : float
        Of the processor's counter.
    toolchain : Toolchain
    options : tuple of str
        For QEMU.
    """

    machine: str
    flags: tuple[str, ...]
    flash: int = 0
    ram: int = 0x2000_0000
    ram_size: int = 0x40_0000
    tick_ns: float = 40.0
    toolchain: Toolchain = _CORTEX_M
    options: tuple[str, ...] = ()


def _riscv(*flags):
    return Board("virt", flags, 0x8000_0000, 0x8000_0000, tick_ns=1.0, toolchain=_RISCV, options=("-bios", "none"))


BOARDS = {
    "M0": Board("microbit", ("-mcpu=cortex-m0",), ram_size=0x4000, tick_ns=62.5),
    "M3": Board("mps2-an385", ("-mcpu=cortex-m3",)),
    "M4F": Board("mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    "M7": Board("mps2-an500", ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16")),
    "M33": Board("mps2-an505", ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), flash=0x1000_0000,
                 ram=0x3800_0000, ram_size=0x20_0000, tick_ns=50.0),
    "RV32": _riscv("-march=rv32imac", "-mabi=ilp32"),
    "RV32F": _riscv("-march=rv32imafc", "-mabi=ilp32f"),
}  # fmt: skip


def missing_tools():
    """Return why not every board can be compiled for and run; empty if everything is there."""
    return "; ".join(filter(None, (toolchain.missing() for toolchain in (_CORTEX_M, _RISCV))))


class Firmware:
    """A model's C library in a folder, to be compiled for boards.

    Parameters
    ----------
    model : ModelFile
        Of the target ``c``.
    folder : Path
    rounding : str
    """

    def __init__(self, model, folder, rounding="litert"):
        write_c_library(model, folder / "board.tflite", rounding)
        self._model, self._folder = model, folder
        self._is_int8 = bool(model.manifest.quantization.input_scale)
        self._built = {}

    def replay(self, board, rows, defines=()):
        """Return what the detector says of rows of shape (n, sensors), a structured array with one entry per window."""
        return self._results(self._run(board, "replay", rows, self._flags(defines)))

    def replay_here(self, compiler, rows, defines=()):
        """Return the same, compiled for this machine by a command such as ``("gcc", "-std=c99")``."""
        library, program = self._folder / "board", self._folder / "here"
        sources = [library / "board_net.c", library / "board_detector.c", _SUPPORT / "replay.c"]
        command = [
            *compiler,
            *WARNINGS,
            *self._flags(defines),
            f"-I{library}",
            f"-I{_SUPPORT}",
            *sources,
            "-lm",
            "-o",
            program,
        ]
        subprocess.run(command, check=True)
        self._write(rows)
        subprocess.run([program], cwd=self._folder, check=True)
        return self._results((self._folder / "results.bin").read_bytes())

    def _flags(self, defines):
        cell = "int8_t" if self._is_int8 else "float"
        return [f"-DNET_TYPE={cell}", *(f"-DBOARD_{one}" for one in defines)]

    def _results(self, content):
        preprocessing, dtype = self._model.manifest.spec.preprocessing, np.int8 if self._is_int8 else np.float32
        units = len(self._model.manifest.mean_activation)
        return np.frombuffer(content, np.dtype([
            ("inputs", dtype, preprocessing.inputs), ("codes", dtype, units), ("score", np.float32),
            ("smoothed", np.float32), ("is_anomaly", np.int32), ("alarm", np.int32),
            ("shares", np.float32, preprocessing.sensors),
        ]))  # fmt: skip

    def instructions(self, board, rows):
        """Return the number of instructions per reading that completes a window, by QEMU's count of instructions."""
        return self._per_window(
            board, self._run(board, "count", rows, [f"-DCOUNTED={COUNTED}"], ["-icount", "shift=0"])
        )

    def head_instructions(self, board, rows):
        """Return the number of instructions per window of the head: those of the detector less those without it."""
        source = self._folder / "board" / "board_detector.c"
        text, whole = source.read_text(), self.instructions(board, rows)
        without = text.replace("= distance(detector)", "= 0.5f")
        assert without != text
        unused = ("-Wunused-function", "-Wunused-const-variable")
        source.write_text("".join(f'#pragma GCC diagnostic ignored "{one}"\n' for one in unused) + without)
        rest = self.instructions(board, rows)
        source.write_text(text)
        return whole - rest

    def float_head_instructions(self, board, variables, modes):
        """Return those of a head in floats with a triangular factor, once its values are floats."""
        flags = [f"-DVARIABLES={variables}", f"-DMODES={modes}", f"-DCOUNTED={COUNTED}"]
        return self._per_window(board, self._run(board, "float_head", [], flags, ["-icount", "shift=0"]))

    def sizes(self, board):
        """Return the bytes of flash and of RAM that the detector adds to a firmware, by the linker."""
        full, empty = (self._sizes(board, "firmware", flags) for flags in (["-DWITH_DETECTOR"], []))
        return full[0] - empty[0], full[1] - empty[1]

    def tflm(self, board, units, headers):
        """Return the same of an encoder by TensorFlow Lite Micro's kernels, from folders of headers."""
        target = self._folder / f"tflm_{board.machine}.o"
        includes = [part for folder in headers for part in ("-isystem", folder)]
        small = ["-std=c++17" if flag == "-std=c99" else flag for flag in _SMALL]
        command = [board.toolchain.gcc, *board.flags, *board.toolchain.flags, *small, "-fno-rtti", "-fno-exceptions",
                   "-DNDEBUG", "-DTF_LITE_STATIC_MEMORY", f"-DUNITS={','.join(map(str, units))}",
                   *includes, "-c", _SUPPORT / "tflm_kernels.cc", "-o", target]  # fmt: skip
        subprocess.run(command, check=True)
        return self.network(board, ("-DTFLM", f"-Wl,{target}"))

    def network(self, board, flags=()):
        """Return flash, RAM and instructions of the network alone; by other flags, of another one in its place."""
        full, empty = (self._sizes(board, "network", [*flags, *chosen]) for chosen in (["-DWITH_NETWORK"], []))
        count = ["-DWITH_NETWORK", f"-DCOUNTED={COUNTED}", *flags]
        said = self._run(board, "network", [], count, ["-icount", "shift=0"])
        return {"flash": full[0] - empty[0], "ram": full[1] - empty[1], "instructions": self._per_window(board, said)}

    def _per_window(self, board, said):
        return round(int(np.frombuffer(said, np.uint32)[0]) * board.tick_ns / COUNTED)

    def _write(self, rows):
        (self._folder / "readings.bin").write_bytes(np.asarray(rows, np.float32).tobytes())

    def _run(self, board, program, rows, flags, options=()):
        elf = self._link(board, program, flags)
        self._write(rows)
        command = [board.toolchain.qemu, "-M", board.machine, *board.options, "-nographic", "-monitor", "none",
                   "-serial", "none", "-semihosting", *options, "-kernel", elf]  # fmt: skip
        subprocess.run(command, cwd=self._folder, check=True, timeout=120)
        return (self._folder / "results.bin").read_bytes()

    def _link(self, board, program, flags):
        library = self._folder / "board"
        toolchain = board.toolchain
        elf = self._folder / f"{program}_{board.machine}.elf"
        sources = [_SUPPORT / toolchain.startup, _SUPPORT / f"{program}.c"]
        addresses = {"FLASH_START": board.flash, "RAM_START": board.ram, "RAM_SIZE": board.ram_size}
        linking = ["-nostartfiles", *toolchain.linker_flags, "-Wl,--gc-sections", "-T", _SUPPORT / toolchain.script,
                   f"-Wl,-Map={elf.with_suffix('.map')}",
                   *(f"-Wl,--defsym={name}={value}" for name, value in addresses.items())]  # fmt: skip
        objects = [self._compiled(board, library / name, flags) for name in ("board_net.c", "board_detector.c")]
        command = [toolchain.gcc, *board.flags, *toolchain.flags, *_SMALL, *flags, f"-I{library}", f"-I{_SUPPORT}",
                   *linking, *sources, *objects, "-lm", "-o", elf]  # fmt: skip
        subprocess.run(command, check=True)
        return elf

    def _compiled(self, board, source, flags):
        """Return an object file of the library, which sees none of the programs' flags but its own defines."""
        target = self._folder / f"{source.stem}_{board.machine}.o"
        own = [*board.flags, *(flag for flag in flags if flag.startswith("-DBOARD_"))]
        if self._built.get(target) != (source.read_text(), own):
            command = [board.toolchain.gcc, *board.toolchain.flags, *_SMALL, *WARNINGS, *own, "-c", source]
            subprocess.run([*command, "-o", target], check=True)
            self._built[target] = source.read_text(), own
        return target

    def _sizes(self, board, program, flags):
        """Return the bytes of flash and RAM of a firmware, from the linker's map."""
        text = self._link(board, program, flags).with_suffix(".map").read_text()
        found = {
            name: int(size, 16) for name, size in re.findall(r"^(\.\w[\w.]*)\s+0x\w+\s+(0x\w+)", text, re.MULTILINE)
        }
        data = found.get(".data", 0)
        return found[".text"] + found.get(".ARM.exidx", 0) + data, data + found.get(".bss", 0)
