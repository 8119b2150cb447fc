"""What every layout is made of: the library's files by name, and the fields of its templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_runtime.model_file.container import ModelFile
from edge_runtime.model_file.manifest import Sensor
from export.c_library.c_text import comment, fill

_UNKNOWN_PERIOD_MS = 1000
_TIME_NOTE = "  // Say the time of each reading first: {name}_detector_set_time(&detector, seconds since 1970);\n"


@dataclass(frozen=True)
class LibraryParts:
    """A C library before it is laid out.

    Parameters
    ----------
    fields : mapping
        Names, sizes and figures, for templates.
    sources, headers : mapping of str to str
        ``NAME_net`` and ``NAME_detector``, ``.c`` and ``.h``, by file name.
    selftest : mapping of str to str
        ``NAME_selftest.c``, without a ``main()``.
    readme : str
        ``README.md``, in which ``@layout@`` stands for the layout's own part.
    sensors : tuple of Sensor
    """

    fields: Mapping[str, Any]
    sources: Mapping[str, str]
    headers: Mapping[str, str]
    selftest: Mapping[str, str]
    readme: str
    sensors: tuple[Sensor, ...]

    def text(self, template: str, **more: str) -> str:
        """Return a template with its fields."""
        return fill(template, {**self.fields, **more})

    def readme_with(self, section: str) -> dict[str, str]:
        """Return ``README.md`` with the template of the layout's own part in it."""
        return {"README.md": self.readme.replace("@layout@", self.text(section).rstrip("\n"))}

    def channels(self, pin: Callable[[int], str], indent: str) -> str:
        """Return the rows of an example's table of channels: pin, offset and gain of each sensor."""
        rows = (
            f"{indent}{{{pin(number)}, 0.0f, 1.0f}},  // {comment(f'{one.name}, {one.unit}'.rstrip(', '))}"
            for number, one in enumerate(self.sensors)
        )
        return "\n".join(rows)


def placed(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return files in a folder, by path.

    >>> placed("src", {"pump_net.c": ""})
    {'src/pump_net.c': ''}
    """
    return {f"{folder}/{name}": text for name, text in files.items()}


def example_fields(model: ModelFile, name: str) -> dict[str, Any]:
    """Return the fields that only examples and descriptions have.

    Parameters
    ----------
    model : ModelFile
    name : str
        Prefix of the library's functions.
    """
    rate_hz = model.manifest.spec.preprocessing.rate_hz
    has_blame = any(one.startswith("attribution_") for one in model.arrays)
    return {
        "release": f"{model.manifest.version}.0.0",
        "period_ms": max(1, round(1000 / rate_hz)) if rate_hz else _UNKNOWN_PERIOD_MS,
        "period_text": "as in the recording" if rate_hz else "edit it to that of the recording",
        "time_note": _TIME_NOTE.format(name=name) if model.manifest.spec.cycles else "",
        "to_blame": f"{name}_sensor_name({name}_detector_blamed(&detector))" if has_blame else '"the machine"',
    }
