"""Files, ports and topics that belong to one machine, given to two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from edge_runtime.plant.texts import Secrets
from edge_runtime.plant.toml_file import TomlFile
from edge_runtime.running.settings import MachineSettings

_FILES = ("jsonl", "csv", "alarms")


def report_conflicts(file: TomlFile, machines: Mapping[str, MachineSettings], secrets: Secrets) -> None:
    """Report whatever two machines would write to, or read from, although only one can.

    Parameters
    ----------
    file : TomlFile
    machines : mapping of str to MachineSettings
    secrets : Secrets
    """
    owners: dict[tuple[str, str], str] = {}
    cases: dict[str, str] = {}
    for name, machine in machines.items():
        twin = cases.setdefault(name.casefold(), name)
        if twin != name:
            line = file.line_of("machine", name)
            file.report(line, f"{name}: expected a name that differs from {twin} in more than capitals.")
        for word, what in _own(machine):
            owner = owners.setdefault((word, what), name)
            if owner != name:
                line = file.line_in((("machine", name), ("defaults",)), word)
                file.report(
                    line,
                    f"{word} of {name}: {secrets.hidden(what)} is that of {owner} too. Expected one for each machine, "
                    "for example with {machine} in its name.",
                )


def _own(machine: MachineSettings) -> Iterator[tuple[str, str]]:
    """Yield the key and the name of everything that can be only this machine's."""
    if machine.run.state is not None:
        yield "state", _absolute(str(machine.run.state))
    if machine.registry.registry is not None:
        yield "model", _absolute(str(machine.model))
    kind, _, rest = machine.source.partition(":")
    if machine.source in ("-", "csv:-", "jsonl:-"):
        yield "source", "standard input"
    elif kind == "serial":
        yield "source", rest.partition("?")[0]
    for sink in machine.sink:
        yield from (("sink", what) for what in _destination(sink))


def _destination(sink: str) -> Iterator[str]:
    kind, _, rest = sink.partition(":")
    place = rest.partition("?")[0]
    if sink == "csv:-":
        yield "a table on standard output"
    elif kind in _FILES and place != "-":
        yield _absolute(place)
    elif kind in ("mqtt", "mqtts") and place.removeprefix("//").strip("/").partition("/")[2]:
        yield f"{kind}:{place}"


def _absolute(path: str) -> str:
    return str(Path(path).absolute())
