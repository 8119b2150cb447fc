"""Progress of long work, on a terminal only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from saelite.fleet.outcome import AssetOutcome
    from saelite.fleet.score_outcome import ScoreOutcome
    from training.trainer import Epoch


@contextmanager
def training_progress(epochs: int | None) -> Iterator[Callable[[Epoch], None]]:
    """Show a bar with loss, penalty and mean activation; yield what to call after each epoch."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=epochs)

        def advance(epoch: Epoch) -> None:
            text = (
                f"loss {epoch.loss:.4f}  validation {epoch.validation_loss:.4f}  "
                f"penalty {epoch.penalty:.4f}  mean activation {epoch.mean_activation:.3f}"
            )
            progress.update(task, completed=epoch.epoch, description=text)

        yield advance


class FleetProgress:
    """A bar of assets, with how many fell back or failed, the time left, and the step that is being done."""

    def __init__(self, bar: Progress, good: str = "made") -> None:
        self._bar, self._good = bar, good
        self._task = bar.add_task("", total=None, noted="")
        self._count = Counter[str]()

    def step(self, text: str) -> None:
        """Show the name of a step."""
        self._bar.update(self._task, description=text)

    def start(self, total: int, finished: int) -> None:
        """Show how many assets there are, and how many of them were finished before."""
        # Assets of an earlier run must not count in the time left.
        self._bar.reset(self._task, total=total - finished)

    def asset(self, outcome: AssetOutcome | ScoreOutcome) -> None:
        """Count an asset."""
        self._count[outcome.status] += 1
        noted = [f"{count} {status}" for status, count in self._count.items() if status != self._good]
        self._bar.update(self._task, advance=1, noted=", ".join(noted))


@contextmanager
def fleet_progress(good: str = "made") -> Iterator[FleetProgress]:
    """Show a bar of assets on a terminal.

    Parameters
    ----------
    good : str
        Status of assets that need no mention.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[noted]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield FleetProgress(bar, good)


@contextmanager
def step_progress() -> Iterator[Callable[[str], None]]:
    """Show the step that is being done, where rich is installed; yield what to call at the start of each."""
    if find_spec("rich") is None:
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update


@contextmanager
def curves(folder: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """Write TensorBoard's event files into a folder, if there is one; yield what to call after each epoch."""
    if folder is None:
        yield lambda _: None
        return
    import tensorflow as tf

    # tf.summary.scalar would need the tensorboard package; this writes the same events without it.
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    with tf.summary.create_file_writer(str(folder)).as_default():

        def write(epoch: Epoch) -> None:
            for name, value in vars(epoch).items():
                if name != "epoch":
                    tf.summary.write(name, tf.constant(value, tf.float32), step=epoch.epoch, metadata=metadata)

        yield write
