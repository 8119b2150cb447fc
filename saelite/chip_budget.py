"""A chip's memory as a budget: the size of the network, and what each head takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from saelite.console_tables import table

if TYPE_CHECKING:
    from export.c_library.cost import Chip
    from training.recordings import Recording
    from training.run_folder import ChipBudget, Network, RunFolder
    from training.settings import DetectorSettings

# What export tries for a series, the dearest first. A network is small enough if the first of them fits.
_HEADS = ("deep", "inputs")
_AUTO, _FEWEST_CODES = "auto", 4
_CORES, _HIDDEN = ("M0", "M3", "M4F"), "relu"


def sized_for(budget: ChipBudget, recording: Recording, settings: DetectorSettings) -> tuple[DetectorSettings, str]:
    """Return settings whose network leaves room for a head on the chip, and what each head then takes.

    The layers are halved until the dearest head that export would try fits. If it fits beside no network, the smallest
    is taken, and export is left with ``inputs``, which needs none.

    Raises
    ------
    DoesNotFitError
        If no head fits.
    """
    from export.c_library.cost import Chip
    from export.c_library.work import Plan
    from training.preparation import prepare

    asset = prepare(recording, settings)
    preprocessing, is_series = asset.preprocessing, asset.nature.is_series
    usual = sum(len(one.offsets) for one in asset.recording.cycles) * preprocessing.sensors
    shapes = ((one, _shape(preprocessing.inputs, one)) for one in _smaller(_with_sizes(settings, preprocessing.inputs)))
    sizes = [
        (one, Chip(Plan(preprocessing, shape, follows=is_series, cycle_values=usual), budget)) for one, shape in shapes
    ]
    heads = _HEADS if settings.head == _AUTO else (settings.head,)
    fitting = [(one, chip) for one, chip in sizes if chip.takes(heads[0])] or [
        (one, chip) for one, chip in sizes[-1:] if any(map(chip.takes, heads))
    ]
    if not fitting:
        raise sizes[-1][1].refusal(dict.fromkeys(heads, 1))
    chosen, chip = fitting[0]
    return chosen, cost_table(chip, heads)


def cost_table(chip: Chip, heads: tuple[str, ...]) -> str:
    """Return flash, RAM and instructions of a detector with each head, and whether it fits, as a table."""
    is_limited = any(most is not None for most in chip.budget)
    titles = ("head", "flash", "RAM", *(f"instructions, {core}" for core in _CORES))
    rows = [(*titles, "does it fit?") if is_limited else titles]
    for head in heads:
        cost = chip.cost(head)
        figures = (cost.flash, cost.ram, *(cost.instructions[core] for core in _CORES))
        cells = (head, *(f"{figure:,}" for figure in figures))
        rows.append((*cells, cost.excess(chip.budget) or "yes") if is_limited else cells)
    return table(rows, header=True)


def costs_of(run: RunFolder, budget: ChipBudget, *, is_int8: bool) -> str:
    """Return the same for a trained run and the heads that export chooses from."""
    from export.c_library.cost import Chip
    from export.fitting.fit_scoring import heads_for, plan_of

    return cost_table(Chip(plan_of(run, is_int8=is_int8), budget), heads_for(run))


def _with_sizes(settings: DetectorSettings, inputs: int) -> DetectorSettings:
    """Return the settings with a preset's sizes written out."""
    if settings.preset is None:
        return settings
    from training.presets import preset_sizes

    hidden, codes = preset_sizes(settings.preset, inputs)
    return replace(settings, preset=None, hidden=hidden, code_size=codes)


def _smaller(settings: DetectorSettings) -> Iterator[DetectorSettings]:
    """Yield the settings, and those with all layers halved again and again."""
    hidden, codes = settings.hidden, settings.code_size
    yield settings
    while codes > _FEWEST_CODES:
        hidden, codes = tuple(max(units // 2, _FEWEST_CODES) for units in hidden), max(codes // 2, _FEWEST_CODES)
        yield replace(settings, hidden=hidden, code_size=codes)


def _shape(inputs: int, settings: DetectorSettings) -> Network:
    """Return the network that would be trained, without weights."""
    import numpy as np

    from training.run_folder import DenseLayer, Network

    sizes = (inputs, *settings.hidden, settings.code_size)

    def layers(widths: tuple[int, ...], last: str) -> tuple[DenseLayer, ...]:
        pairs = list(pairwise(widths))
        names = [_HIDDEN] * (len(pairs) - 1) + [last]
        return tuple(
            DenseLayer(np.zeros(pair, np.float32), np.zeros(pair[1], np.float32), name)
            for pair, name in zip(pairs, names, strict=True)
        )

    return Network(layers(sizes, settings.code_activation), layers(sizes[::-1], "linear"))
