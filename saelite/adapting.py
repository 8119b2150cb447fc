"""A model file fitted to this machine: what `saelite.adapt` and the command of that name do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.common.atomic import write_atomically
from edge_runtime.common.counted import counted
from edge_runtime.errors import UsageError
from edge_runtime.inference.opening import Opening
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import read_content
from edge_runtime.model_file.manifest import Manifest
from edge_runtime.refitting.adapt import AdaptSettings
from edge_runtime.refitting.adapt import adapt as refit
from edge_runtime.refitting.recorded import Normal, read_normal
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
    """

    path: Path
    adapted: Adapted

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
    normal: str | Path,
    path: str | Path,
    *,
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
    normal : str or Path
        Recording of this machine at normal work; every row counts as normal.
    path : str or Path
        Model file to write (.tflite).
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
    RecordingError
        If the recording lacks a sensor, or has too few windows.
    ModelFileError
        If the file cannot be adapted, or a runtime refuses the result.
    """
    chosen, source = opening or Opening(), Path(model)
    content = read_content(source)
    spec = chosen.parse(source, content).manifest.spec
    part = (RowRange.parse(rows) if isinstance(rows, str) else rows).rows(str(normal))
    on_step("reading the recording")
    with open_table(normal) as table:
        found = read_normal(table, spec, part, tell=tell)
    return write_adapted(
        content, source, found, Path(path), false_alarms, Path(sign) if sign else None, chosen, on_step
    )


def write_adapted(
    content: bytes,
    source: Path,
    normal: Normal,
    path: Path,
    false_alarms: str | None,
    key: Path | None,
    opening: Opening,
    on_step: Callable[[str], None],
) -> AdaptedFile:
    """Adapt a checked file to normal readings, and write the result."""
    settings = AdaptSettings(find_runtime(opening.runtime), opening.options, false_alarms, key, on_step)
    adapted = refit(content, source, normal.readings, normal.step_s, settings)
    adapted.model.write(path)
    return AdaptedFile(path, adapted)


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
