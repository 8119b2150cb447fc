"""Write docs/benchmarks/fleet.md from the figures committed in docs/benchmarks/.

python docs/generate_fleet.py            write the page
python docs/generate_fleet.py --check    exit 1 if the page is out of date

The figures are written by `benchmarks.fleet.fleet_comparison` and `benchmarks.fleet.asset_cost`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from generated_page import page_command

from benchmarks.fleet.cost_result import Costs
from benchmarks.fleet.fleet_result import FleetComparison
from benchmarks.json_file import read_json

FIGURES = Path(__file__).with_name("benchmarks")
PAGE = FIGURES / "fleet.md"
_COMPARE = "python -m benchmarks.fleet.fleet_comparison --skab SKAB/data --seeds 3 --json docs/benchmarks/fleet.json"
_COST = "python -m benchmarks.fleet.asset_cost --assets 16 --many 100 --json docs/benchmarks/fleet_cost.json"
_HEAD = """\
# Fleets

<!-- Made by `make docs` from the figures in docs/benchmarks: measure again rather than edit this page. -->

Many assets of one kind, learnt in three ways, always with the product's defaults:

- **alone**: each asset from weights of its own, about 5,000 steps (`training.pipeline.train_many`).
- **from the common model**: one network is fitted on a sample of up to 16 assets, each scaled by its own mean and
  deviation (`training.common_fit`); each asset continues from its weights for about 500 steps.
- **the common model**: those weights as they are. Scaling, head and threshold are still the asset's own.

Head and threshold are always chosen on the exported file's own outputs for the asset's normal windows.

## Detection

SKAB's recordings with anomalies are the assets of one fleet, each learnt from its first 400 rows. The simulated
machines share how their sensors depend on hidden causes, and each sensor of each asset has an offset and a gain of its
own. `noisy`: noise of half a standard deviation on each sensor. `worn`: two of the sensors move by two standard
deviations while the asset learns and is watched. `small`: 400 readings instead of 5,000. `odd`: another kind of
machine. Each has one fault of each of ten kinds. Means over the assets, and after ± the standard deviation over seeds,
of weights and, for simulated machines, of the fleet.

A start from the common model (`saelite fleet train --warm-start`) saves most of the fit and is **not the default for
all assets**. On SKAB its assets alarm on more normal rows than assets learnt alone, by more than seeds do, and so do
those of the common model: export then chooses a head that uses the network, `deep` or `codebook`, for twice as many of
them. On the simulated machines all heads are then `inputs` or `modes`, which do not use the network, so that it does
not matter how it was learnt. By default, assets with 2,000 readings or more start from the common model, and those
whose head uses the network are learnt alone after all: in this table, `alone` on SKAB and `from the common model` on
the machines.
"""
_COSTS = """\
## Cost

CPU seconds of an asset of 5,000 readings of 8 sensors (window 5, preset small), from the recording to the checked file,
with all checks and their processes, in one run on one thread. `together`: up to
32 assets at a time in one graph.
"""
_COMMANDS = """\
By the commands on CSV files, from their start to their end with all their processes, each of which loads its libraries.
By default all of these assets start from the common model.
"""
_TAIL = f"""\
<!-- test: skip, takes an hour -->
```sh
{_COMPARE}
{_COST}
```
"""


def page() -> str:
    """Return the whole page, from the figures beside this file."""
    comparison = read_json(FIGURES / "fleet.json", FleetComparison, _COMPARE)
    costs = read_json(FIGURES / "fleet_cost.json", Costs, _COST)
    parts = [_HEAD, _markdown(comparison.rows()), _COSTS, _markdown(costs.rows())]
    parts += [_COMMANDS, _markdown(costs.command_rows()), _TAIL]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    right = [all(row[column][:1].isdigit() for row in body) for column in range(len(head))]
    lines = [head, ["--:" if one else "---" for one in right], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    page_command(PAGE, page)()
