"""The provenance in a manifest: how close the file is to the full model, where it was run, what made it.

Nothing here changes a score. See `edge_runtime.model_file.manifest` for why these are named tuples.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Parity(NamedTuple):
    """How close the file is to the same detector in float32, on normal windows and on synthetic faults.

    Parameters
    ----------
    n_windows : int
    codes_max_difference : float
        Largest absolute difference of one code; relative to the largest code where that is above 1.
    codes_correlation : float
        Pearson correlation over all codes.
    score_correlation, score_rank_correlation : float
        Pearson and Spearman correlations. For information only: among normal windows, ranking means little.
    alarm_agreement : float
        Share of windows on which both alarm or neither does.
    score_max_difference : float
        Largest absolute difference of one score; 1 is the threshold.
    roc_auc_full, roc_auc : float or None
        Normal windows against those with synthetic faults, by the float32 detector and by the file.
    labelled_roc_auc_full, labelled_roc_auc : float or None
        On labelled windows, if there were any.
    """

    n_windows: int
    codes_max_difference: float
    codes_correlation: float
    score_correlation: float
    score_rank_correlation: float
    alarm_agreement: float
    score_max_difference: float = 0.0
    roc_auc_full: float | None = None
    roc_auc: float | None = None
    labelled_roc_auc_full: float | None = None
    labelled_roc_auc: float | None = None


class ParityLimits(NamedTuple):
    """How far a file may differ from float32 before export takes a wider scheme, in the terms of `Parity`."""

    alarm_agreement: float = 0.99
    auc_loss: float = 0.005


class RuntimeCheck(NamedTuple):
    """One runtime the file was run in before it was written.

    Parameters
    ----------
    runtime, version : str
    machine : str
        Architecture, such as ``x86_64``.
    max_relative_score_difference : float
        Against the first runtime, relative to the threshold.
    arena_bytes : int
        Smallest arena of TensorFlow Lite Micro that the graph ran in, on that machine; 0 for other runtimes.
    """

    runtime: str
    version: str
    machine: str
    max_relative_score_difference: float
    arena_bytes: int = 0

    @property
    def title(self) -> str:
        """Name and version, architecture, and the arena if there is one."""
        arena = f", in an arena of {self.arena_bytes:,} bytes" if self.arena_bytes else ""
        return f"{self.runtime} {self.version} ({self.machine}){arena}"


class NotRun(NamedTuple):
    """A runtime or device that the file was not run in before it was written, and why."""

    name: str
    reason: str


class Op(NamedTuple):
    """One kind of op in the flatbuffer."""

    name: str
    version: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which means nothing here


class OpPlace(NamedTuple):
    """Where ops of an Edge TPU graph run and why, as expected or as the compiler reported."""

    op: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which means nothing here
    place: str
    reason: str


class Parent(NamedTuple):
    """The file that a device adapted, which the adapted one carries within.

    Parameters
    ----------
    sha256 : str
        Of its bytes, hexadecimal.
    name : str
    version : int
    """

    sha256: str
    name: str
    version: int


class Provenance(NamedTuple):
    """Where the model comes from: no paths, no host names.

    Parameters
    ----------
    packages : mapping of str to str
        Versions of the packages that trained and exported it.
    data_sha256 : str
        Of the training recording's bytes.
    seed : int
    source_date_epoch : str
        Value of SOURCE_DATE_EPOCH; empty if it was not set. No other date is stored, so that the same run
        folder gives the same bytes.
    """

    packages: Mapping[str, str] = MappingProxyType({})
    data_sha256: str = ""
    seed: int = 0
    source_date_epoch: str = ""
