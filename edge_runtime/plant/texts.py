"""``{machine}`` and ``${NAME}`` in the texts of a plant's file, and what must be shown of them nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

_PLACES = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\{machine\}")
_SHORTEST_SECRET = 4


class UnsetVariableError(ValueError):
    """A text names an environment variable that is not set."""


@dataclass
class Secrets:
    """Values of environment variables that texts were filled with.

    Examples
    --------
    >>> secrets = Secrets({"TOKEN": "9f86d081"})
    >>> secrets.filled("mqtt://broker/${TOKEN}/{machine}", "pump1")
    'mqtt://broker/9f86d081/pump1'
    >>> secrets.hidden("cannot reach mqtt://broker/9f86d081/pump1")
    'cannot reach mqtt://broker/${TOKEN}/pump1'
    """

    environment: Mapping[str, str] = field(repr=False)
    _used: dict[str, str] = field(default_factory=dict, repr=False)

    def filled(self, text: str, machine: str) -> str:
        """Return a text with the machine's name and the variables' values in their places; ``$$`` is a dollar sign.

        Raises
        ------
        UnsetVariableError
            If a variable is not set.
        """

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return "$" if match[0] == "$$" else machine
            if name not in self.environment:
                raise UnsetVariableError(
                    f"the environment variable {name} is not set. Expected its value for ${{{name}}}. Set it, or write "
                    "$$ for a dollar sign."
                )
            self._used[name] = self.environment[name]
            return self.environment[name]

        return _PLACES.sub(value, text)

    def hidden(self, text: str) -> str:
        """Return a text with the names of variables in place of their values, however those are quoted."""
        forms = [
            (form, name)
            for name, value in self._used.items()
            if len(value) >= _SHORTEST_SECRET
            for form in {value, repr(value)[1:-1], quote(value), quote(value, safe="")}
        ]
        for form, name in sorted(forms, key=lambda pair: -len(pair[0])):
            text = text.replace(form, f"${{{name}}}")
        return text
