"""A model file fitted to this machine: what `saelite.adapt` and the command of that name do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.atomic import write_atomically
from edge_runtime.common.counted import counted
from edge_runtime.errors import UsageError
from edge_runtime.history.history import History
from edge_runtime.inference.opening import Opening
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import read_content
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.refitting.adapt import AdaptSettings
from edge_runtime.refitting.adapt import adapt as refit
from edge_runtime.refitting.normal_readings import NormalReadings, Shape
from edge_runtime.refitting.recorded import Normal, read_normal
from edge_runtime.refitting.remembered import Remembered, Verdicts
from edge_runtime.tables.open_table import open_table
from edge_runtime.tables.row_range import RowRange
from saelite.export_summary import summary
from saelite.false_alarms import blindness, doubt

if TYPE_CHECKING:
    from edge_runtime.refitting.adapt import Adapted

_SATURATED = 0.01


@dataclass(frozen=True, repr=False)
class AdaptedFile:
    """A model file that was adapted and written; its printed form shows what was fitted and what to expect.

    Parameters
    ----------
    path : Path
    adapted : Adapted
    verdicts : Verdicts or None
        What became of a history's alarms.
    """

    path: Path
    adapted: Adapted
    verdicts: Verdicts | None = None

    @property
    def manifest(self) -> Manifest:
        """Threshold and promise, scaling, parity, and the maker's file that was adapted."""
        return self.adapted.model.manifest

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the file cannot promise, and what its network cannot see."""
        manifest, at_rest = self.manifest, self.adapted.at_rest
        rest = f"at rest, so the scale of the maker's file is kept: {', '.join(at_rest)}" if at_rest else None
        share = manifest.quantization.input_saturation
        clipped = (
            f"warning: {share:.1%} of normal values are outside the range of the network's quantised input. Train and "
            "export a model for this machine."
            if share > _SATURATED
            else None
        )
        return tuple(filter(None, (rest, clipped, doubt(manifest.threshold), blindness(manifest.tried))))

    def __repr__(self) -> str:
        manifest, adapted = self.manifest, self.adapted
        parent = manifest.parent
        of = "" if parent is None else f"adapted from {parent.name} version {parent.version}, {parent.sha256[:12]}…, "
        left_out = f" ({adapted.left_out} extreme ones left out)" if adapted.left_out else ""
        fitted = f"{of}on {counted(adapted.windows, 'window')} of normal work{left_out}"
        return "\n".join([summary(adapted.model, self.path), fitted])


def adapt(
    model: str | Path,
    normal: str | Path | None,
    path: str | Path,
    *,
    history: str | Path | None = None,
    machine: str | None = None,
    rows: str | RowRange = ":",
    false_alarms: str | None = None,
    sign: str | Path | None = None,
    opening: Opening | None = None,
    on_step: Callable[[str], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> AdaptedFile:
    """Fit a model file to this machine: scaling, head and threshold anew, the network as the maker made it.

    Needs the base install alone. A file that was adapted before is adapted again from the maker's within it.

    Parameters
    ----------
    model : str or Path
        Model file.
    normal : str or Path, optional
        Recording of this machine at normal work; every row counts as normal.
    path : str or Path
        Model file to write (.tflite).
    history : str or Path, optional
        History of `saelite run`: what it has between alarms, and during those marked as false, counts as normal too.
    machine : str, optional
        The machine's name in the history; by default the only one there, or the model's name.
    rows : str or RowRange
        Part of the recording, as `saelite.read_recording` takes it.
    false_alarms : str, optional
        Alarm budget for the threshold; by default the model file's.
    sign : str or Path, optional
        Private key of this device.
    opening : Opening, optional
        Runtime, and the keys that must have signed the model file.
    on_step : callable
        Called with the name of each step.
    tell : callable
        Called with a message, once per kind of problem with the readings.

    Returns
    -------
    AdaptedFile
        Its printed form shows what was fitted.

    Raises
    ------
    UsageError
        If there is neither a recording nor a history, or the history has no such machine.
    RecordingError
        If the recording lacks a sensor, or there are too few windows.
    ModelFileError
        If the file cannot be adapted, or a runtime refuses the result.
    """
    chosen, source = opening or Opening(), Path(model)
    content = read_content(source)
    manifest = chosen.parse(source, content).manifest
    if normal is None and history is None:
        raise UsageError("what is normal? Expected --normal RECORDING, --history FILE or both. Received: neither.")
    on_step("reading what is normal")
    found = Normal(NormalReadings(Shape.of(manifest.spec.preprocessing)), math.nan)
    if normal is not None:
        found = _recorded(manifest, Path(normal), rows, tell)
    verdicts = None
    if history is not None:
        step_s, verdicts = _remembered(manifest, Path(history), machine, found.readings)
        found = found._replace(step_s=step_s)
        if verdicts.text():
            tell(verdicts.text())
    options = AdaptSettings(
        find_runtime(chosen.runtime), chosen.options, false_alarms, Path(sign) if sign else None, on_step
    )
    adapted = refit(content, source, found.readings, found.step_s, options)
    adapted.model.write(Path(path))
    return AdaptedFile(Path(path), adapted, verdicts)


def _recorded(manifest: Manifest, recording: Path, rows: str | RowRange, tell: Callable[[str], None]) -> Normal:
    part = (RowRange.parse(rows) if isinstance(rows, str) else rows).rows(str(recording))
    with open_table(recording) as table:
        return read_normal(table, manifest.spec, part, tell=tell)


def _remembered(
    manifest: Manifest, history: Path, machine: str | None, readings: NormalReadings
) -> tuple[float, Verdicts]:
    opened = History.read(history)
    try:
        machines = opened.machines()
        only = machines[0] if len(machines) == 1 else manifest.name
        return Remembered(opened, manifest.spec, machine or only).add_to(readings)
    finally:
        opened.close()


def undo(model: str | Path, path: str | Path | None = None, *, opening: Opening | None = None) -> Path:
    """Write the maker's file that an adapted one carries within, byte for byte; return its path.

    Parameters
    ----------
    model : str or Path
    path : str or Path, optional
        By default the adapted file itself is replaced.
    opening : Opening, optional
        The keys that must have signed the file.

    Raises
    ------
    UsageError
        If the file was not adapted.
    """
    source = Path(model)
    file = (opening or Opening()).parse(source, read_content(source))
    if not file.parent:
        raise UsageError(
            f"{source} was not adapted: expected a file written by `saelite adapt`. There is nothing to undo."
        )
    target = source if path is None else Path(path)
    write_atomically(target, file.parent)
    return target
