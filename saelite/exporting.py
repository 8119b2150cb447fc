"""From a trained run to a model file: what `saelite.export` and the command of that name do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import UsageError
from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import Manifest
from saelite.chip_budget import costs_of
from saelite.export_summary import summary
from saelite.false_alarms import blindness, doubt
from saelite.workstation import require_export, require_workstation

if TYPE_CHECKING:
    from training.run_folder import ChipBudget, RunFolder
    from training.trained_run import TrainedRun

_EDGETPU, _C, _MICRO = "edgetpu", "c", "micro"


@dataclass(frozen=True, repr=False)
class Exported:
    """A model file that was written; its printed form shows what was chosen and what to expect.

    Parameters
    ----------
    path : Path
    model : ModelFile
        Its contents.
    sources : tuple of Path
        C sources beside it, for the targets ``micro`` and ``c``.
    needs_compiling : bool
        Whether the file must still be compiled because edgetpu_compiler was not found.
    """

    path: Path
    model: ModelFile
    sources: tuple[Path, ...] = ()
    needs_compiling: bool = False

    @property
    def manifest(self) -> Manifest:
        """Everything that was chosen: head, smoothing, threshold and its promise, quantisation, parity."""
        return self.model.manifest

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the file cannot promise."""
        return tuple(filter(None, (doubt(self.manifest.threshold), blindness(self.manifest.tried))))

    def __repr__(self) -> str:
        return "\n".join([summary(self.model, self.path), *self.warnings])


def export(
    run: TrainedRun | RunFolder | str | Path,
    path: str | Path,
    *,
    target: str = "cpu",
    quantize: str | None = None,
    false_alarms: str = "1/week",
    representative: str | Path | None = None,
    encoder_output: str | None = None,
    labelled: str | Path | None = None,
    runtime_python: Iterable[str | Path] = (),
    rounding: str | None = None,
    layout: str | None = None,
    max_flash: int | None = None,
    max_ram: int | None = None,
    model_version: int = 0,
    sign: str | Path | None = None,
    on_step: Callable[[str], None] = lambda _: None,
    on_costs: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Turn a trained run, or any Keras autoencoder of dense layers, into one quantised, verified model file.

    Scoring head, smoothing and threshold are chosen and fitted on the quantised network's outputs for normal windows
    and synthetic faults. The file is run in every installed runtime of its target. A number format that detects worse
    than float32 is passed over for a wider one.

    Parameters
    ----------
    run : TrainedRun, RunFolder, str or Path
        The result of `saelite.train`, or a run folder or Keras model on disk.
    path : str or Path
        Model file to write (.tflite).
    target : str
        Where the file will run: ``cpu`` (both ``litert`` and ``tflite-runtime``), ``edgetpu``, ``micro`` or
        ``c``.
    quantize : str, optional
        Number format of the network: int8, mixed, int16x8, float32, dynamic or float16. By default the first of
        int8, mixed, int16x8, float32 that detects as well as float32.
    false_alarms : str
        Alarm budget for the threshold, per hour, day, week, month or reading, such as ``1/week``.
    representative : str or Path, optional
        Unscaled normal data for a Keras model: .csv, .npy or .npz.
    encoder_output : str, optional
        Code layer of a Keras model; by default the narrowest dense layer.
    labelled : str or Path, optional
        Labelled recording on which ROC-AUC must not fall, in addition to the synthetic faults.
    runtime_python : iterable of str or Path
        Pythons of other environments, whose runtimes must run the file too.
    rounding : str, optional
        For the target ``c``: whose int8 kernels the C follows bit for bit, ``litert`` (default) or ``tflm``.
    layout : str, optional
        For the target ``c``: whose library or package the C is laid out as, ``plain``, ``cmake`` (default),
        ``arduino``, ``platformio``, ``esp-idf`` or ``zephyr``.
    max_flash, max_ram : int, optional
        For the targets ``c`` and ``micro``: bytes that the chip has for the detector; only heads that fit are chosen
        from. By default as given to `saelite train`, otherwise any number.
    model_version : int
        Increase with each release; a running stream refuses lower versions.
    sign : str or Path, optional
        Private key to sign the file with.
    on_step : callable
        Called with the name of each step.
    on_costs : callable
        For the targets ``c`` and ``micro``: called with a table of what each head takes, before one is chosen.

    Returns
    -------
    Exported
        Its printed form shows what was chosen; `Exported.manifest` has the figures.

    Raises
    ------
    ModelFileError
        If a layer cannot be exported, or an installed runtime refuses the file.
    ParityError
        If the float32 graph does not match the full model.
    MissingExtraError
        If the extra ``export`` is not installed, or, for a Keras model, ``workstation``.
    """
    require_export("export")
    from edge_runtime.fitting.budget import FalseAlarmBudget
    from export.export_run import ExportSettings, export_run
    from export.labelled import read_labelled

    _check_for_c(target, rounding=rounding, layout=layout)
    chip = _chip_budget(target, max_flash, max_ram)
    pythons = tuple(Path(one) for one in runtime_python)
    settings = ExportSettings(quantize, target, pythons, FalseAlarmBudget.parse(false_alarms), chip=chip)
    on_step("reading the model")
    folder = _folder_of(run, representative, encoder_output)
    if target in (_C, _MICRO):
        on_costs(costs_of(folder, chip.over(folder.budget), is_int8=quantize in (None, "int8")))
    windows = read_labelled(Path(labelled), folder.spec) if labelled else None
    model = export_run(folder, settings, on_step, windows)
    return _written(model, Path(path), model_version, sign, (rounding, layout), on_step)


def _check_for_c(target: str, **chosen: str | None) -> None:
    for option, value in chosen.items():
        if value is not None and target != _C:
            raise UsageError(
                f"a {option} is for target {_C}: expected none for other targets. "
                f"Received: {value} for {target}. Add --target {_C}, or leave it out."
            )


def _chip_budget(target: str, flash: int | None, ram: int | None) -> ChipBudget:
    from training.run_folder import ChipBudget

    if (flash, ram) != (None, None) and target not in (_C, _MICRO):
        raise UsageError(
            f"a budget of flash or RAM is for targets {_C} and {_MICRO}: expected none for other targets. "
            f"Received: one for {target}. Add --target {_C}, or leave it out."
        )
    return ChipBudget(flash, ram)


def _folder_of(
    run: TrainedRun | RunFolder | str | Path, representative: str | Path | None, encoder_output: str | None
) -> RunFolder:
    from export.source import is_run_folder, read_source
    from training.run_folder import RunFolder

    if isinstance(run, (str, Path)):
        path = Path(run)
        if not is_run_folder(path):
            require_workstation(f"export {path.name}")
        return read_source(path, Path(representative) if representative else None, encoder_output)
    return run if isinstance(run, RunFolder) else run.folder


def _written(
    model: ModelFile,
    path: Path,
    version: int,
    key: str | Path | None,
    c_options: tuple[str | None, str | None],
    on_step: Callable[[str], None],
) -> Exported:
    """Compile, number, check, sign and write a file's contents."""
    from edge_runtime.model_file.checking.whole_file import check_model
    from export.edgetpu import compile_model

    compiled = None
    if model.manifest.target == _EDGETPU:
        on_step("compiling for the Edge TPU")
        compiled = compile_model(model)
        model = compiled or model
    model = replace(model, manifest=replace(model.manifest, version=version))
    check_model(model.flatbuffer, model.manifest, model.arrays)
    if key is not None:
        model = model.signed(Path(key))
    sources = _c_sources(model, path, *c_options)
    model.write(path)
    return Exported(path, model, sources, model.manifest.target == _EDGETPU and compiled is None)


def _c_sources(model: ModelFile, path: Path, rounding: str | None, layout: str | None) -> tuple[Path, ...]:
    from export.c_library.layouts.table import DEFAULT_LAYOUT
    from export.c_library.library import write_c_library
    from export.micro import write_c_sources

    if model.manifest.target == _C:
        return tuple(write_c_library(model, path, rounding or "litert", layout or DEFAULT_LAYOUT))
    return tuple(write_c_sources(model, path)) if model.manifest.target == _MICRO else ()
