"""``saelite config``."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def config() -> None:
    """Write and check the file of a plant: several machines for one `saelite run`.

    \b
    Examples:
      saelite config example > plant.toml
      saelite config check plant.toml
    """


@config.command()
@click.argument("plant", type=click.Path(path_type=Path))
def check(plant: Path) -> None:
    """Say what is wrong with the file of a plant, with the line of each mistake; nothing is started.

    Exit code 0 if `saelite run` would take it. A model file that is not there is only a warning: the plant's file may
    be checked on another computer.

    \b
    Example:
      saelite config check plant.toml
    """
    from edge_runtime.plant.plant_file import read_plant
    from saelite.plain import tell

    found = read_plant(plant)
    for machine in found.machines:
        if machine.settings.registry.registry is None and not machine.settings.model.is_file():
            tell(found.secrets.hidden(f"{machine.name}: {machine.settings.model} is not here (yet)"))
    names = ", ".join(machine.name for machine in found.machines)
    click.echo(f"{plant}: {len(found.machines)} machine{'s'[: len(found.machines) > 1]}: {names}")


@config.command()
def example() -> None:
    """Print the file of a plant in which every key is explained.

    \b
    Example:
      saelite config example > plant.toml
    """
    from edge_runtime.plant.example import example_plant

    click.echo(example_plant(), nl=False)
