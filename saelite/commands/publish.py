"""``saelite publish``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.common.counted import counted
from saelite.publishing.publish_settings import PublishSettings
from saelite.setting_options import settings_options


@click.command()
@click.argument("models", type=click.Path(path_type=Path))
@click.argument("registry")
@settings_options(PublishSettings, "settings")
def publish(models: Path, registry: str, settings: PublishSettings) -> None:
    """Put models into a registry, from which devices take theirs (saelite run --registry).

    MODELS is a fleet's folder, or one model file with --asset NAME. REGISTRY is a folder, or a URL such as
    s3://bucket/models (extra saelite[fleet]). Files are named by their SHA-256 and written first; then an index, signed
    and with the next version, names them. The same again changes nothing. See docs/how-to/delivery.md.

    \b
    Examples:
      saelite publish fleet/ s3://models/ --sign maker.pem
      saelite publish fleet/ s3://models/ --sign maker.pem --share 5%
      saelite publish pump.tflite /srv/models --asset pump7 --sign maker.pem
    """
    from edge_runtime.streaming.results import time_text
    from saelite.publishing.publish import publish as publish_models

    done = publish_models(models, registry, settings)
    what = f"version {done.version}" if done.is_new else f"version {done.version}, as before"
    click.echo(
        f"{done.place}: {what}, valid until {time_text(done.expires_s)[:10]}; {counted(done.assets, 'asset')}, "
        f"{done.changed} changed; {counted(done.written, 'model file')} written"
        + (f", {done.removed} removed" if settings.prune else "")
    )
