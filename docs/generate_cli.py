"""Write docs/reference/cli.md, the reference of every command, from the commands' own help.

python docs/generate_cli.py            write the page
python docs/generate_cli.py --check    exit 1 if the page is out of date
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
from generated_page import page_command

PAGE = Path(__file__).parent / "reference" / "cli.md"
_HEAD = """\
# Commands

<!-- Made by `make docs` from the commands' own help: edit that, not this page. -->
"""


def walk(command: click.Command, name: str = "saelite", parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield a context for a command and, if it is a group, for each visible one below it, parents first."""
    context = click.Context(command, parent=parent, info_name=name, **command.context_settings)
    yield context
    if not isinstance(command, click.Group):
        return
    for child_name in command.list_commands(context):
        child = command.get_command(context, child_name)
        if child is not None and not child.hidden:
            yield from walk(child, child_name, context)


def examples(context: click.Context) -> list[str]:
    """Return the calls of a command in its help, without the remarks that follow two spaces or more."""
    text = f"{context.command.help or ''}\n{context.command.epilog or ''}"
    lines = (line.strip().removeprefix("$ ") for line in re.sub(r"\\\n\s*", "", text).splitlines())
    calls = (re.split(r" {2,}", line, maxsplit=1)[0] for line in lines)
    return [call for call in calls if f"{call} ".startswith(f"{context.command_path} ")]


def page(main: click.Command) -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *(_section(context) for context in walk(main))])


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [
        f"## `{context.command_path}`",
        _fence(usage),
        *_prose(command.help or ""),
        *_prose(command.epilog or ""),
        _parameters(context),
    ]
    if isinstance(command, click.Group):
        parts.append(_commands(context, command))
    return "\n\n".join(part for part in parts if part) + "\n"


def _prose(text: str) -> Iterator[str]:
    r"""Yield a help text's paragraphs; those click must not wrap (``\b``) become blocks."""
    shown = inspect.cleandoc(text).partition("\f")[0].strip()
    for paragraph in re.split(r"\n\s*\n", shown):
        first, _, rest = paragraph.partition("\n")
        if first.strip() == "\b":
            yield from _verbatim(rest.splitlines())
        else:
            yield paragraph


def _verbatim(lines: list[str]) -> Iterator[str]:
    """Yield a block: its unindented heading, if indented lines follow one, then its lines in a fence."""
    is_indented = [line.startswith(" ") for line in lines]
    start = is_indented.index(True) if any(is_indented) else 0
    if start:
        yield " ".join(lines[:start])
    yield _fence(textwrap.dedent("\n".join(lines[start:])))


def _fence(code: str) -> str:
    language = "console" if code.removeprefix("$ ").startswith("saelite") else "text"
    return f"```{language}\n{code}\n```"


def _parameters(context: click.Context) -> str:
    records = (
        parameter.get_help_record(context)
        for parameter in context.command.get_params(context)
        if not getattr(parameter, "hidden", False)
    )
    # An argument without help is in the usage line already.
    rows = [(f"`{record[0]}`", _escaped(record[1])) for record in records if record and record[1]]
    return _table("option", "meaning", rows)


def _escaped(text: str) -> str:
    """Escape brackets, such as those of a default, which Markdown would read as links."""
    return text.replace("[", r"\[").replace("]", r"\]")


def _commands(context: click.Context, group: click.Group) -> str:
    rows = []
    for name in group.list_commands(context):
        child = group.get_command(context, name)
        if child is not None and not child.hidden:
            anchor = f"{context.command_path} {name}".replace(" ", "-")
            rows.append((f"[`{name}`](#{anchor})", child.get_short_help_str(limit=120)))
    return _table("command", "what it does", rows)


def _table(left: str, right: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = [(" ".join(cell.split()).replace("|", r"\|") for cell in row) for row in rows]
    return "\n".join([f"| {left} | {right} |", "|---|---|", *(f"| {name} | {meaning} |" for name, meaning in cells)])


def _whole_page() -> str:
    from saelite.cli import main

    return page(main)


if __name__ == "__main__":
    page_command(PAGE, _whole_page)()
