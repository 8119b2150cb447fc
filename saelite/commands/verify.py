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

    Runs the reference windows that the file carries, normal ones and synthetic faults, and compares with what the file
    gave when it was exported. Exit code 1 if other windows alarm or faults are ranked worse.

    \b
    Example:
      saelite verify pump.tflite
      saelite verify pump.tflite --trusted-key maker.pem.pub
    """
    from edge_runtime.errors import ParityError
    from edge_runtime.inference.detector import Detector
    from edge_runtime.inference.runtimes import find_runtime
    from edge_runtime.model_file.container import read_model_file
    from edge_runtime.model_file.signature import key_name
    from edge_runtime.verification.reference_run import verify as verify_model

    file = read_model_file(model, trusted_key=trusted_key)
    signer = key_name(file.signature) if file.signature else ""
    trust = "trusted" if trusted_key else "not checked: no --trusted-key"
    click.echo(f"integrity: SHA-256 {file.sha256}, every byte as it was written")
    click.echo(f"signature: {f'{signer} ({trust})' if signer else 'none'}")
    detector = Detector(file, find_runtime(runtime))
    result = verify_model(file, detector)
    parity = result.parity
    click.echo(
        f"in {detector.runtime.name} {detector.runtime.version}, {parity.n_windows} reference windows: codes within "
        f"{parity.codes_max_difference:.3g} of those at export, scores within {parity.score_max_difference:.3g} "
        f"(1 is the threshold), alarms agree on {parity.alarm_agreement:.2%}"
    )
    if result.failures:
        raise ParityError(f"{model} does not do here what it did at export: {'; '.join(result.failures)}.")
    click.echo("good")
