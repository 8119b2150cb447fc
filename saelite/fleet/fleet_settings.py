"""What to do with each asset of a fleet: the options of training and export, once for all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from saelite.export_options import ExportOptions
from training.settings import DetectorSettings, Selection


@dataclass(frozen=True)
class FleetSettings:
    """Settings that all assets share.

    Parameters
    ----------
    selection : Selection
        Which rows and columns of each recording to learn from.
    detector : DetectorSettings
        What to learn; what is left open is chosen for each asset.
    export : ExportOptions
        What to export for.
    """

    selection: Selection = field(default_factory=Selection)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    export: ExportOptions = field(default_factory=ExportOptions)

    def record(self) -> dict[str, Any]:
        """Return the settings in JSON's types, to know a fleet again that was begun with them."""
        parts = {name: asdict(part) for name, part in vars(self).items()}
        return {name: {key: _plain(value) for key, value in part.items()} for name, part in parts.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
