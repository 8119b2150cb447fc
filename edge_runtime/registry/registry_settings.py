"""Where a machine's models come from."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.common.asset_names import folder_of
from edge_runtime.common.setting import Range, conform, documented, setting
from edge_runtime.errors import UsageError


@documented
@dataclass(frozen=True)
class RegistrySettings:
    """A registry that new models come from.

    Examples
    --------
    >>> RegistrySettings("https://models.example.com/fleet")
    Traceback (most recent call last):
    edge_runtime.errors.UsageError: registry: expected --asset NAME with it, the machine's name there. Received: none.
    """

    registry: str | None = setting(
        None,
        "Registry that new models come from: a folder, or an http(s) address; see saelite publish. MODEL is then kept "
        "by it. Needs --asset, --state and --trusted-key.",
        metavar="URL",
        example="https://models.example.com/fleet",
    )
    asset: str | None = setting(None, "Name of this machine in the registry.", metavar="NAME", example="{machine}")
    registry_interval_s: float = setting(
        600.0,
        "Time between two looks at the registry, give or take a quarter; twice as long after each failure, up to 1h.",
        within=Range(0, low_open=True),
        form="duration",
    )
    probation_s: float = setting(
        86_400.0,
        "Watched time in which a new model that crashes, or alarms far more often than it promises, is rolled back.",
        within=Range(0),
        form="duration",
    )

    def __post_init__(self) -> None:
        conform(self)
        if self.asset is not None:
            folder_of(self.asset)
        if self.registry is not None and self.asset is None:
            raise UsageError("registry: expected --asset NAME with it, the machine's name there. Received: none.")
