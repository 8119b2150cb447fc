"""``saelite verify``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--trusted-key", type=click.Path(path_type=Path), multiple=True, default=(),
              help="Public key that must have signed the file; several for any of them.")  # fmt: skip
@click.option("--runtime", default="auto", show_default=True, help="auto, ai-edge-litert or tflite-runtime.")
def verify(model: Path, trusted_key: tuple[Path, ...], runtime: str) -> None:
    """Check a model file where it stands: unchanged, signed if demanded, and worth what it was when exported.

    Runs the reference windows that the file carries and compares with the full model's codes and scores, within the
    limits the file was exported with. Exit code 1 if a limit is not kept.

    \b
    Example:
      saelite verify pump.tflite
      saelite verify pump.tflite --trusted-key maker.pem.pub
    """
    from edge_runtime.detector import Detector
    from edge_runtime.errors import ParityError
    from edge_runtime.interpreter import find_runtime
    from edge_runtime.model_file import read_model_file
    from edge_runtime.signature import key_name
    from edge_runtime.verification import verify as verify_model

    file = read_model_file(model, trusted_key=trusted_key)
    signer = key_name(file.signature) if file.signature else ""
    trust = "trusted" if trusted_key else "not checked: no --trusted-key"
    click.echo(f"integrity: SHA-256 {file.sha256}, every byte as it was written")
    click.echo(f"signature: {f'{signer} ({trust})' if signer else 'none'}")
    detector = Detector(file, find_runtime(runtime))
    result = verify_model(file, detector)
    parity = result.parity
    click.echo(
        f"parity in {detector.runtime.name} {detector.runtime.version}, {parity.n_windows} reference windows: codes "
        f"within {parity.codes_max_difference:.3g} of the full model's, scores correlate by "
        f"{parity.score_correlation:.4f}, alarms agree on {parity.alarm_agreement:.2%}; scores within "
        f"{result.score_difference:.2%} of the threshold of those at export"
    )
    if result.failures:
        raise ParityError(f"{model} does not do here what the full model did: {'; '.join(result.failures)}.")
    click.echo("good")
