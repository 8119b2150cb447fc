"""What a detector in C is said to cost, against the linker and the counted instructions; and budgets."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from emulated_boards import missing_tools

sys.path.insert(0, str(Path(__file__).parents[1] / "cortex_m"))

from export.c_library.core_costs import CORES
from export.c_library.cost import Chip, DoesNotFitError, cost_of
from export.c_library.head import head_bytes, head_of
from export.c_library.library import c_library, common_fields
from export.c_library.work import Plan, constant_bytes, network_bytes, ram_bytes_of
from export.export_run import ExportSettings, export_run
from export.fitting.fit_scoring import plan_of
from training.run_folder import ChipBudget

# None of them is among those that the weights were fitted to.
OTHERS = [
    ("t2x", {"window": 8, "hidden": (48,), "code_size": 20}, "int8"),
    ("codebook", {"window": 2, "hidden": (24, 16), "code_size": 8}, "int8"),
    ("inputs", {"window": 10, "features": ("mean", "slope"), "mean_rate": 0.01}, "int8"),
    ("spe", {"window": 6, "hidden": (32,), "code_size": 8}, "int8"),
    ("deep", {"hidden": (40,)}, "float32"),
]
FLASH, INSTRUCTIONS = 0.10, 0.20


@pytest.mark.skipif(bool(missing_tools()), reason=missing_tools() or "everything is installed")
@pytest.mark.parametrize(("head", "options", "scheme"), OTHERS, ids=[one[0] for one in OTHERS])
def test_costs_are_those_of_linker_and_emulator(head, options, scheme):
    from fit_costs import figures_of

    found = figures_of(head, options, scheme)
    for core in CORES:
        cost = cost_of(found.plan, head, core)
        assert abs(cost.flash / found.flash[core] - 1) <= FLASH, core
        assert abs(cost.instructions[core] / found.instructions[core] - 1) <= INSTRUCTIONS, core
        # The firmware around it has a reading and an alarm; newlib's square root has an errno.
        assert 0 <= found.ram[core] - cost.ram <= 160, core


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("head", ["inputs", "joint"])
def test_the_readme_says_what_export_said(train_head, head, scheme):
    run = train_head(head)
    model = export_run(run, ExportSettings(scheme, "c"))
    costs = [cost_of(replace(_plan(run, model), is_int8=scheme == "int8"), head, core) for core in CORES]
    readme = c_library(model, "pump")["README.md"]
    assert f"| flash, bytes, about | {' | '.join(f'{cost.flash:,}' for cost in costs)} |" in readme
    counts = " | ".join(f"{count:,}" for count in costs[0].instructions.values())
    assert f"| instructions per window, about | {counts} |" in readme


@pytest.mark.parametrize("head", ["inputs", "t2x", "deep", "spe", "joint", "modes", "codebook"])
def test_constants_and_memory_are_counted(train_head, head):
    run = train_head(head)
    model = export_run(run, ExportSettings("int8", "c"))
    plan = _plan(run, model)
    # Scaling has two floats for each of four sensors.
    assert constant_bytes(plan, head) == head_bytes(head_of(model)) + 32 + network_bytes(plan, head)
    assert ram_bytes_of(plan, head) == common_fields(model, "pump")["ram"]


def _plan(run, model):
    modes = len(model.arrays["head_mean"]) if model.manifest.spec.scoring.head == "modes" else 1
    return Plan(run.spec.preprocessing, run.network, True, False, modes, 64)


@pytest.mark.parametrize(("flash", "ram", "fits"), [(None, None, True), (20_000, 600, True), (20_000, 200, False)])
def test_a_budget_limits_the_heads(train_head, flash, ram, fits):
    assert Chip(plan_of(train_head("deep"), is_int8=True), ChipBudget(flash, ram)).takes("deep") == fits


def test_auto_takes_a_head_that_fits(train_again):
    run = train_again("auto").folder
    chip = Chip(plan_of(run, is_int8=True))
    # Room for a head that needs no network, and for no other.
    budget = ChipBudget(flash=chip.cost("deep").flash - 1)
    model = export_run(run, ExportSettings("int8", "c", chip=budget))
    assert {one.head for one in model.manifest.tried} <= {"inputs", "modes"}


def test_what_does_not_fit_is_said_with_how_much_is_missing(train_head):
    run, flash = train_head("t2x"), 9000
    needed = Chip(plan_of(run, is_int8=True)).cost("t2x").flash
    with pytest.raises(DoesNotFitError, match=rf"at most 9,000 bytes of flash\. .* {needed - flash:,} bytes too much"):
        export_run(replace(run, budget=ChipBudget(flash=flash)), ExportSettings("int8", "c"))
