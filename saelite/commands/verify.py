"""``saelite verify``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.inference.opening import Opening
from saelite.options import with_opening


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@with_opening
def verify(model: Path, opening: Opening) -> None:
    """Check a model file where it stands: unchanged, signed if demanded, and worth what it was when exported.

    Runs the reference windows in the file, normal ones and synthetic faults, and compares the outputs with those at
    export. The exit code is 1 if other windows alarm or faults rank lower.

    \b
    Example:
      saelite verify pump.tflite
      saelite verify pump.tflite --trusted-key maker.pem.pub
    """
    from edge_runtime.errors import ParityError
    from edge_runtime.model_file.container import read_content
    from edge_runtime.model_file.signature import key_name
    from edge_runtime.verification.reference_run import verify as verify_model

    content = read_content(model)
    file = opening.parse(model, content)
    signer = key_name(file.signature) if file.signature else ""
    trust = "trusted" if opening.trusted_key else "not checked: no --trusted-key"
    click.echo(f"integrity: SHA-256 {file.sha256}, every byte as it was written")
    click.echo(f"signature: {f'{signer} ({trust})' if signer else 'none'}")
    detector = opening.open(model, content)
    result = verify_model(file, detector)
    parity = result.parity
    click.echo(
        f"in {detector.runtime.name} {detector.runtime.version}, {parity.n_windows} reference windows: codes within "
        f"{parity.codes_max_difference:.3g} of those at export, scores within {parity.score_max_difference:.3g} "
        f"(1 is the threshold), alarms agree on {parity.alarm_agreement:.2%}"
    )
    if result.failures:
        raise ParityError(f"{model} does not detect here as it did at export: {'; '.join(result.failures)}.")
    click.echo("good")
