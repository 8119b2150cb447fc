"""The options of export that need no model to choose from: the one list for `saelite export` and `saelite fleet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.setting import Range, conform, documented, setting
from edge_runtime.fitting.budget import FalseAlarmBudget
from saelite.chip_options import memory


@documented
@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What to export for, and how.

    Examples
    --------
    >>> ExportOptions(quantize="int4")
    Traceback (most recent call last):
    edge_runtime.errors.UsageError: quantize: expected one of int8, mixed, int16x8, float32, dynamic, float16. ...
    """

    target: str = setting(
        "cpu",
        "Where the file will run; cpu means both litert and tflite-runtime.",
        choices=("cpu", "litert", "tflite-runtime", "edgetpu", "micro", "c"),
    )
    quantize: str | None = setting(
        None,
        "Number format of the network; scaling and head stay float. "
        "[default: the first of int8, mixed, int16x8, float32 that detects as well as float32]",
        choices=("int8", "mixed", "int16x8", "float32", "dynamic", "float16"),
    )
    rounding: str | None = setting(
        None,
        "For --target c: whose int8 kernels the C follows bit for bit.  [default: litert]",
        choices=("litert", "tflm"),
    )
    layout: str | None = setting(
        None,
        "For --target c: whose library or package the C is laid out as.  [default: cmake]",
        choices=("plain", "cmake", "arduino", "platformio", "esp-idf", "zephyr"),
    )
    max_flash: int | None = memory("flash", "32k", "as given to train, else any")
    max_ram: int | None = memory("RAM", "4k", "as given to train, else any")
    runtime_python: tuple[Path, ...] = setting(
        (),
        "Python of another environment, to run the file in its runtimes too; repeatable.",
        form="paths",
    )
    false_alarms: str = setting(
        "1/week",
        "Alarm budget for the threshold, per hour, day, week, month or reading.",
        metavar="N/UNIT",
    )
    model_version: int = setting(
        0,
        "Increase with each release; a running stream refuses lower versions.",
        within=Range(0),
    )

    def __post_init__(self) -> None:
        conform(self)
        FalseAlarmBudget.parse(self.false_alarms)
