"""Events of models that come from a registry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelTaken:
    """A model from the registry is in use.

    Parameters
    ----------
    time_s : float
        Seconds since the epoch, by the computer's clock.
    version : int
        Of the model.
    sha256 : str
        Of its file.
    index : int
        Version of the registry's index that named it.
    """

    time_s: float
    version: int
    sha256: str
    index: int

    name = "model_taken"


@dataclass(frozen=True)
class ModelRefused:
    """A model that the registry names is not taken, for `reason`."""

    time_s: float
    version: int
    sha256: str
    index: int
    reason: str

    name = "model_refused"


@dataclass(frozen=True)
class ModelRolledBack:
    """A model is no longer in use, for `reason`; the previous one is, again."""

    time_s: float
    version: int
    sha256: str
    index: int
    reason: str

    name = "model_rolled_back"


DeliveryEvent = ModelTaken | ModelRefused | ModelRolledBack


@dataclass(frozen=True)
class DeliveryFacts:
    """Which model runs here, and how that stands to the registry.

    Parameters
    ----------
    version : int
        Of the model in use.
    sha256 : str
        Of its file.
    registry : str
        ``current``: what the registry names is in use. ``probation``: so it is, and may still be rolled back.
        ``refused``: what it names was refused here, or rolled back. ``other``: something else is in use, as before the
        first look. ``expired``: the index has expired. ``failing``: the last looks failed.
    index : int
        Version of the newest index seen; 0 before the first.
    """

    version: int
    sha256: str
    registry: str
    index: int
