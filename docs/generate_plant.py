"""Write docs/reference/plant.md: the keys of a plant's file, from the settings of a machine.

python docs/generate_plant.py            write the page
python docs/generate_plant.py --check    exit 1 if the page is out of date
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from generated_page import page_command

from edge_runtime.common.setting import Setting
from edge_runtime.plant.example import example_value
from edge_runtime.plant.plant_file import SETTINGS
from edge_runtime.plant.values import BESIDE_THE_FILE, expected_in_toml, setting_in_toml

PAGE = Path(__file__).parent / "reference" / "plant.md"
_HEAD = """\
# Plant file

<!-- Made by `make docs` from the settings in edge_runtime/running/settings.py: edit those, not this page. -->

The file of `saelite run PLANT.toml` is [TOML](https://toml.io): a table `[machine.NAME]` for each machine, and a table
`[defaults]` for what they share. [Watch several machines](../how-to/machines.md) shows how to use it.

- A key is an option of [`saelite run`](cli.md#saelite-run) without its dashes. A machine's own keys win over
  `[defaults]`.
- In every text, `{machine}` is the machine's name, `${NAME}` the environment variable NAME, and `$$` a dollar sign. A
  variable that is not set is an error. Values of four characters or more are replaced by `${NAME}` in all messages.
- @@BESIDE@@ are named from the file's own folder, everything else from the working directory.
- Names of machines have letters, digits, `-` and `_`, and differ in more than capitals.

| key | value | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    beside = [f"`{word}`" for word, one in SETTINGS.items() if one.form in BESIDE_THE_FILE]
    return _HEAD.replace("@@BESIDE@@", f"{', '.join(beside[:-1])} and {beside[-1]}") + "".join(_rows())


def _rows() -> Iterator[str]:
    for word, one in SETTINGS.items():
        cells = (f"`{word}`", _value(one), _default(one), one.text)
        yield f"| {' | '.join(_escaped(cell) for cell in cells)} |\n"


def _value(one: Setting) -> str:
    return f"{expected_in_toml(one)}: `{setting_in_toml(one, example_value(one))}`"


def _default(one: Setting) -> str:
    if one.is_required:
        return "required"
    return "" if one.default in (None, ()) else f"`{setting_in_toml(one, one.default).partition(' = ')[2]}`"


def _escaped(text: str) -> str:
    # Brackets in code are no links.
    parts = " ".join(text.split()).replace("|", r"\|").split("`")
    return "`".join(
        part if is_code else part.replace("[", r"\[").replace("]", r"\]")
        for part, is_code in zip(parts, [False, True] * len(parts), strict=False)
    )


if __name__ == "__main__":
    page_command(PAGE, page)()
