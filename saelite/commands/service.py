"""``saelite service``."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections import UserDict
from collections.abc import Iterator
from pathlib import Path

import click

from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.registry.registry_settings import RegistrySettings
from edge_runtime.running.settings import MachineSettings
from saelite.plain import tell
from saelite.systemd_unit import Service, state_folder, unit

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", metavar="SPEC", help="Source of the readings, as in `saelite run`.  "
              "[required, unless MODEL is a plant's file]")  # fmt: skip
@click.option("--sink", "sinks", multiple=True, metavar="SPEC", default=("jsonl:-",), show_default=True,
              help="Destination of the results, as in `saelite run`; standard output goes to the journal.")  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the service.  [default: the model file's name]")
@click.option("--trusted-key", "keys", type=click.Path(path_type=Path), multiple=True, default=(),
              help="Public key that must have signed every model file; repeatable.")  # fmt: skip
@click.option("--expect-name", metavar="NAME", help="Refuse models with another name, whoever signed them.")
@click.option("--registry", metavar="URL", help="Registry that models come from, as in `saelite run`; MODEL need not "
              "be there yet, and is kept beside the state.")  # fmt: skip
@click.option("--asset", metavar="NAME", help="Name of this machine in the registry.")
@click.option("--print", "print_it", is_flag=True, required=True, help="Print the unit without installing it.")
def service(
    model: Path,
    source: str | None,
    sinks: tuple[str, ...],
    name: str | None,
    keys: tuple[Path, ...],
    expect_name: str | None,
    registry: str | None,
    asset: str | None,
    print_it: bool,
) -> None:
    """Write a systemd unit that keeps `saelite run` going: sandboxed, watched, restarted, without root.

    MODEL may be the file of a plant, PLANT.toml, which names sources and sinks itself. A sink with a relative path
    writes to /var/lib/saelite-NAME, beside the state. The folder of a sink with an absolute path must exist.

    \b
    Examples:
      saelite service pump.tflite --source serial:/dev/ttyUSB0 --sink mqtt://broker --print > saelite-pump.service
      saelite service pump.tflite --source host --trusted-key maker.pem.pub --print > saelite-pump.service
      saelite service pump7.tflite --source host --registry https://models.example.com/fleet --asset pump7 \\
        --trusted-key maker.pem.pub --print > saelite-pump7.service
      saelite service plant.toml --print > saelite-plant.service
    """
    if registry is None and not model.is_file():
        raise ModelFileError(f"no such file: {model}. Expected the model file that the service will run.")
    name = name or model.stem
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name: expected letters, digits, - and _. Received: {name!r}")
    if model.suffix == ".toml":
        if source or keys or expect_name or registry or asset:
            raise UsageError(f"expected no options but --name with {model}, which says what its machines do.")
        click.echo(unit(_of_plant(model, name)), nl=False)
        return
    if source is None:
        raise click.MissingParameter(param_hint="'--source'", param_type="option", ctx=click.get_current_context())
    options = [word for key in keys for word in ("--trusted-key", str(key.absolute()))]
    options += ["--expect-name", expect_name] if expect_name is not None else []
    options += _from_registry(registry, asset, keys)
    words = ["--source", source, *(word for sink in sinks for word in ("--sink", sink))]
    words += ["--state", f"{state_folder(name)}/state.json", *options]
    program, file = _program(), str(model.absolute() if registry is None else Path(state_folder(name), model.name))
    reads = (*program, file, sys.prefix, *options)
    click.echo(unit(Service(name, (*program, "run", file, *words), (source,), sinks, reads)), nl=False)


def _from_registry(registry: str | None, asset: str | None, keys: tuple[Path, ...]) -> list[str]:
    """Return the options of a registry, checked."""
    settings = RegistrySettings(registry, asset)
    if settings.registry is None:
        return []
    if not keys:
        raise UsageError("--registry: expected --trusted-key KEY.pub of whoever publishes. Received: none.")
    place = settings.registry if "://" in settings.registry else str(Path(settings.registry).absolute())
    return ["--registry", place, "--asset", str(settings.asset)]


def _program() -> list[str]:
    found = shutil.which("saelite")
    return [found] if found else [sys.executable, "-m", "saelite"]


def _of_plant(path: Path, name: str) -> Service:
    """Return what the machines of a plant need; those without a state file are reported."""
    from edge_runtime.plant.plant_file import read_plant

    machines = read_plant(path, _Unset(os.environ)).machines
    settings = [machine.settings for machine in machines]
    for machine in machines:
        if machine.settings.run.state is None:
            tell(f'{machine.name} keeps no state across restarts. Add state = "{{machine}}.json" to [defaults].')
    program, file = _program(), str(path.absolute())
    return Service(
        name,
        (*program, "run", file),
        tuple(one.source for one in settings),
        tuple(sink for one in settings for sink in one.sink),
        (*program, file, sys.prefix, *(str(used.absolute()) for one in settings for used in _read(one))),
        tuple(str(path) for one in settings for path in _written(one)),
        len(machines),
    )


def _read(settings: MachineSettings) -> tuple[Path, ...]:
    opening, sign = settings.opening, settings.learning.sign
    return (settings.model, *opening.trusted_key, *opening.device_key, *((sign,) if sign else ()))


def _written(settings: MachineSettings) -> Iterator[Path]:
    if settings.run.state:
        yield settings.run.state
    if settings.registry.registry is not None:
        yield settings.model.absolute()


class _Unset(UserDict[str, str]):
    """An environment in which a variable that is not set stands for itself: secrets come when the service starts."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"${{{name}}}"
