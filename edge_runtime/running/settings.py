"""Everything that can be said of one machine to watch: the one list of options of `saelite run`.

The command line, the keys of a plant's file and their reference are made from these fields. An option is added here, in
the part that uses it, and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.setting import REQUIRED, Range, conform, documented, nested, setting
from edge_runtime.errors import UsageError
from edge_runtime.inference.opening import Opening
from edge_runtime.registry.registry_settings import RegistrySettings
from edge_runtime.running.commissioning import LearnSettings
from edge_runtime.sources.alignment import Alignment
from edge_runtime.streaming.monitor_settings import MonitorSettings

_SPAN = Range(0, math.inf, low_open=True, high_open=True)


@documented
@dataclass(frozen=True)
class RunSettings:
    """Settings of the loop besides the readings."""

    state: Path | None = setting(
        None,
        "File that keeps window, thresholds, alarm and drift across restarts.",
        form="file",
        example=Path("{machine}.json"),
    )
    state_interval_s: float = setting(10.0, "Maximum age of the saved state.", within=_SPAN, form="duration")
    duration_s: float | None = setting(
        None,
        "Stop after this time.  [default: at the end of the source]",
        within=_SPAN,
        form="duration",
        example=3600.0,
    )
    stale_after_s: float | None = setting(
        None,
        "Time without readings after which the stream is stale: an event is sent and MQTT goes offline.  "
        "[default: ten times the usual interval, at least 10s]",
        within=_SPAN,
        form="duration",
        example=60.0,
    )
    on_stale: str = setting(
        "restart",
        "When stale: restart (the service, by systemd's watchdog; of several machines only this one), exit with an "
        "error, or wait.",
        choices=("restart", "exit", "wait"),
    )

    history: Path | None = setting(
        None,
        "File that keeps alarms, trends, marks and excerpts of readings for months; see saelite history.",
        form="file",
        example=Path("plant.db"),
    )
    history_keep: str = setting(
        "30d,200MB", "Age and size that the history is kept within.", form="bounds", metavar="BOUNDS"
    )

    def __post_init__(self) -> None:
        conform(self)


@documented
@dataclass(frozen=True)
class Acceptance:
    """Which model files may be used, besides their signature."""

    expect_name: str | None = setting(
        None, "Refuse models with another name, whoever signed them.", metavar="NAME", example="pump"
    )
    allow_downgrade: bool = setting(False, "Accept a model with a lower version than the previous one.")  # noqa: FBT003

    def __post_init__(self) -> None:
        conform(self)


@documented
@dataclass(frozen=True)
class MachineSettings:
    """One machine to watch: its model, its readings, and what becomes of the results."""

    model: Path = setting(REQUIRED, "Model file.", form="argument", example=Path("{machine}.tflite"))
    source: str = setting(
        REQUIRED,
        "Source of the readings: -, csv:PATH, jsonl:PATH, serial:PORT, mqtt://HOST/TOPIC, "
        "modbus://HOST?SENSOR=REGISTER, modbus-rtu:PORT?SENSOR=REGISTER, opc.tcp://HOST?SENSOR=NODE, host, or "
        "MODULE:FUNCTION.",
        metavar="SPEC",
        example="mqtt://broker/plant/{machine}",
    )
    align: str | None = setting(
        None,
        "Join readings that arrive one sensor at a time into one row per period: the newest values, or with :mean the "
        "means; values older than AGE are missing.  [AGE: ten times a sensor's usual interval, at least ten periods]",
        metavar="PERIOD[:mean][:AGE]",
        example="1s:mean",
    )
    sink: tuple[str, ...] = setting(
        ("jsonl:-",),
        "Destination of the results: jsonl:PATH, csv:PATH, alarms:PATH, influx:PATH, influx://HOST/DATABASE, "
        "mqtt://HOST, prometheus[:PORT], web[:PORT], or MODULE:FUNCTION; repeatable.",
        form="repeated",
        metavar="SPEC",
    )
    learning: LearnSettings = nested(LearnSettings)
    monitor: MonitorSettings = nested(MonitorSettings)
    run: RunSettings = nested(RunSettings)
    acceptance: Acceptance = nested(Acceptance)
    registry: RegistrySettings = nested(RegistrySettings)
    opening: Opening = nested(Opening)

    def __post_init__(self) -> None:
        conform(self)
        if self.align is not None:
            Alignment.parse(self.align)
        if self.registry.registry is not None and not (self.run.state and self.opening.trusted_key):
            raise UsageError(
                "registry: expected --state FILE, beside which it keeps what it knows, and --trusted-key KEY.pub of "
                "whoever publishes. Received: not both."
            )
