"""How models are published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.common.setting import REQUIRED, Range, conform, documented, setting


@documented
@dataclass(frozen=True)
class PublishSettings:
    """How models are published."""

    sign: Path = setting(
        REQUIRED,
        "Private key to sign the index with, and model files that are not signed yet (see saelite keygen). Its public "
        "key is expected beside it, KEY.pub.",
        metavar="KEY",
        form="file",
    )
    asset: tuple[str, ...] = setting(
        (),
        "Asset that the model is for; repeatable. With a fleet's folder: publish only these.  "
        "[default: all assets of the folder]",
        form="repeated",
        metavar="NAME",
    )
    share: float = setting(
        1.0,
        "Share of the assets that take the new models. A larger share later includes the smaller one.",
        form="share",
    )
    expires_s: float = setting(
        30 * 86_400.0,
        "Time after which devices report the index as expired. Publishing again, even the same, renews it once half of "
        "the time has passed.",
        within=Range(0, low_open=True),
        form="duration",
    )
    allow_downgrade: bool = setting(False, "Take a release back: devices accept a lower model version.")  # noqa: FBT003
    prune: bool = setting(
        False,  # noqa: FBT003
        "Afterwards remove old indexes, and model files that only they name. The last 10 indexes, and those of the "
        "last 30 days, stay.",
    )
    trusted_key: tuple[Path, ...] = setting(
        (),
        "Public key besides KEY.pub that may have signed the index and the models so far, while one key replaces "
        "another; repeatable.",
        form="paths",
    )

    def __post_init__(self) -> None:
        conform(self)

    @property
    def keys(self) -> tuple[Path, ...]:
        """Public keys that may have signed what is there."""
        return (self.sign.with_name(f"{self.sign.name}.pub"), *self.trusted_key)
