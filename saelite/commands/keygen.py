"""``saelite keygen``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("key", type=click.Path(path_type=Path))
def keygen(key: Path) -> None:
    """Make a key pair for signing model files: KEY, to be kept secret, and KEY.pub for the devices.

    KEY gets mode 600. Existing files are never overwritten.

    \b
    Example:
      saelite keygen maker.pem
      saelite export runs/pump -o pump.tflite --sign maker.pem
    """
    from edge_runtime.model_file.signature import write_key_pair

    public = write_key_pair(key)
    click.echo(f"{key}: private key, keep it secret\n{public}: public key, for --trusted-key on the devices")
