"""Write docs/benchmarks/public.md from the figures committed in docs/benchmarks/.

python docs/generate_public.py            write the page
python docs/generate_public.py --check    exit 1 if the page is out of date

The figures are written by `saelite bench accuracy`, `bench blame`, `bench adapt` and `bench quantization`, each with
`--json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated_page import page_command

from benchmarks import adaptation, blame
from benchmarks.json_file import read_json
from benchmarks.quantization_loss import LossBenchmark

FIGURES = Path(__file__).with_name("benchmarks")
PAGE = FIGURES / "public.md"

_HEAD = """\
# Public collections

<!-- Made by `make docs` from the figures in docs/benchmarks: measure again rather than edit this page. -->

Results of the [commands and protocols](accuracy.md) on public data, always with the product's defaults: `saelite
train` and `saelite export` without options. Means over three seeds, and after ± the standard deviation over them.

These are parts of the collections: TEP's normal runs and faults 1 to 10, 12 of ADBench's sets, 24 of SKAB's
recordings and its normal one, and 17 of NAB's series. Some choices were made on parts of the same data: features,
smoothing and the allowance for drift on SKAB, the rate of mean tracking, when it goes on after an alarm and the range
of scaled values on SKAB and TEP, the codebook for tables on ADBench, the rule for a single sensor on NAB, and the limit
on SKAB, NAB and simulated machines, mostly others than those below. When a machine drifts was decided on the simulated
machines below. The rest of each collection is the test.
"""


@dataclass(frozen=True)
class Section:
    """One collection's part of the page.

    Parameters
    ----------
    title, file, text : str
        Of the section; its figures, beside the page; what to read from them.
    tables : tuple of str
        Titles of the tables to show.
    """

    title: str
    file: str
    text: str
    tables: tuple[str, ...]


SECTIONS = (
    Section(
        "Tennessee Eastman process",
        "tep.json",
        "Faults 3, 9 and 15 are barely observable. The chosen head is `inputs`, a Mahalanobis distance of the"
        " inputs with less shrinking and a tracked mean; the network adds nothing to the score here.",
        ("All faults:",),
    ),
    Section(
        "SKAB",
        "skab.json",
        "Each recording is learnt from 400 rows, which hold about 13 independent smoothed scores: no limit "
        "can be known well from them. Most of the false alarms come from the normal recording, whose level "
        "keeps moving. Nearest neighbours find more, with twice as many rows in false alarm.",
        ("All rows pooled:",),
    ),
    Section(
        "NAB",
        "nab.json",
        "Series of a single sensor, of which the only score is the distance from a tracked mean. Plain Mahalanobis "
        "ranks better on one series: its learnt part holds rare bursts, which saelite takes for faulty minutes and "
        "leaves out. Nearest neighbours alarm least and hit least. [The protocol](accuracy.md#nab) explains why the "
        "standard score of a long alarm is negative.",
        ("All series:",),
    ),
    Section(
        "ADBench",
        "adbench.json",
        "Tables without time. The codebook over inputs, hidden units and codes adds to nearest neighbours "
        "what the network knows; training it adds little to random weights.",
        ("",),
    ),
    Section(
        "Simulated machines",
        "machines.json",
        "The learnt week of `faulty minutes` holds two faults that nobody knows of, 5 % of the time. With modes, one "
        "distribution per mode finds what a single one cannot. The other methods are fitted on the windows as the mean "
        "that saelite tracks shows them, relative to the same modes.",
        ("All faults:",),
    ),
)
_BLAME = """\
## The sensor to blame

How often an alarm names the faulty sensor first, and among the first three (`saelite bench blame`).
"""
_SITE = """\
## Another machine of the same kind

A detector made on one machine watches another: as it is, after `saelite adapt`, and beside one that was trained there
from scratch ([protocol](accuracy.md#adapting-to-another-machine)).

{gaps} The network of an adapted file is the one learnt elsewhere,
and a file whose head looks at the inputs alone has no other to choose.
"""
_LOSS = """\
## What quantisation costs

`saelite bench quantization --data DIR` trains on each set with the defaults, exports the file that export chooses and
one in float32, and compares the two on the test part. The limits by which export chooses a scheme apply to synthetic
faults; these faults are real.
"""


def page() -> str:
    """Return the whole page, from the figures beside this file."""
    sensors = blame.table(read_json(FIGURES / "blame.json", blame.BlameBenchmark, "saelite bench blame --json FILE"))
    sites = read_json(FIGURES / "adapt.json", adaptation.Adaptations, "saelite bench adapt --skab DIR --json FILE")
    losses = read_json(FIGURES / "quantization.json", LossBenchmark, "saelite bench quantization --json FILE")
    parts = [
        _HEAD,
        *map(_section, SECTIONS),
        _BLAME + "\n" + _markdown(sensors),
        _SITE.format(gaps=_gaps(sites)) + "\n" + _markdown(adaptation.table(sites)),
        f"{_LOSS}\n{_markdown(losses.rows())}\n\n{losses.summary().capitalize()}.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _gaps(sites: adaptation.Adaptations) -> str:
    """Say how far adapted files stay behind."""
    gaps = adaptation.gaps(sites)
    behind = [f"with {name} {gap:.3f}" for name, gap in gaps.items() if gap > adaptation.AIM]
    aim = f"The adapted detector loses at most {adaptation.AIM} of F1 to the one from scratch"
    return f"{aim}, but {' and '.join(behind)}." if behind else f"{aim}."


def _section(section: Section) -> str:
    record = json.loads((FIGURES / section.file).read_text(encoding="utf-8"))
    tables = {one["title"]: one["rows"] for one in record["tables"]}
    shown = "\n\n".join(_markdown(tables[title]) for title in section.tables)
    return f"## {section.title}\n\n{section.text}\n\n{shown}\n\n{_heads(record)}"


def _heads(record: dict[str, Any]) -> str:
    heads = [choice["head"] for choice in record["choices"]]
    most_first = sorted(set(heads), key=lambda head: (-heads.count(head), head))
    counts = ", ".join(f"`{head}` {heads.count(head)}" for head in most_first)
    return f"Heads chosen: {counts}. Refused: {len(record['troubles'])}."


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    right = [all(_is_number(row[column]) for row in body if row[column]) for column in range(len(head))]
    lines = [head, ["--:" if one else "---" for one in right], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_number(text: str) -> bool:
    return text.strip("-").replace(",", "")[:1].isdigit()


if __name__ == "__main__":
    page_command(PAGE, page)()
