"""``saelite doctor``."""

from __future__ import annotations

import json

import click

from saelite.console_tables import table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Show what is installed, which runtime is used, and any problems.

    The exit code is 0 if a model can run here and 1 if it cannot.

    \b
    Example:
      saelite doctor
    """
    from edge_runtime.verification.installation import examine

    diagnosis = examine()
    if as_json:
        click.echo(json.dumps({"facts": dict(diagnosis.facts), "problems": list(diagnosis.problems)}, indent=1))
    else:
        click.echo(table(diagnosis.facts))
        for problem in diagnosis.problems:
            click.echo(f"problem: {problem}")
        if not diagnosis.problems:
            click.echo("no problems: models can run here")
    if diagnosis.problems:
        raise SystemExit(1)
