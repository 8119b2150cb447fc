"""What the documentation says is there, is complete, and works when it is typed."""

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import click
import generate_cortex_m
import generate_fleet
import generate_plant
import numpy as np
import pytest
from generate_cli import PAGE, examples, page, walk

from saelite.cli import main

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "start" / "tutorial.md"
# These run from top to bottom: each step has the files of those before it.
RUN_WHOLE = {document.relative_to(ROOT).as_posix(): document for document in (README, TUTORIAL)}
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
    *sorted(ROOT.glob("tests/**/*.md")),
]
CLI_PAGE = PAGE.relative_to(ROOT).as_posix()
CONTEXTS = {context.command_path: context for context in walk(main)}
STEP_TIMEOUT_S = 300

# A comment on the line before a block says how it is tested:
#   <!-- test: skip, needs a broker -->    its commands are parsed, not run; a Python block is compiled
#   <!-- test: stop after 5 s -->          its commands run until Ctrl-C
_MARK = re.compile(r"<!-- test: (?:skip, \S.*|stop after (?P<stop_after_s>\d+) s) -->")
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:\w+=\S+ )*(?P<program>saelite|make|python3?|pip3?)(?: |$)")


@dataclass(frozen=True)
class Step:
    """A command line, or a whole Python block, of a page."""

    page: str
    line: int
    program: str
    text: str
    skip: bool
    stop_after_s: int | None

    @property
    def where(self):
        return f"{self.page}:{self.line}: {self.text}"


def steps_in(document):
    """Return a page's commands and Python blocks, from top to bottom."""
    text, name = document.read_text(encoding="utf-8"), document.relative_to(ROOT).as_posix()
    steps = []
    for block in _FENCE.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        mark = _MARK.search(text[: block.start()].rstrip().rpartition("\n")[2])
        seconds = mark and mark["stop_after_s"]
        how = (mark is not None and seconds is None, int(seconds) if seconds else None)
        if block["language"] == "python":
            steps.append(Step(name, line, "python block", block["body"], *how))
        elif block["language"] in ("console", "sh", "bash"):
            steps += [Step(name, line + at, program, text, *how) for at, program, text in commands(block["body"])]
    return steps


def commands(body):
    """Yield (line in the block, program, command) of the lines that are commands; the others are output."""
    joined = body.replace("\\\n", "")
    for at, line in enumerate(joined.splitlines()):
        command = line.strip().removeprefix("$ ")
        if match := _COMMAND.match(command):
            yield at, match["program"], command


def steps_of(*programs):
    """Return the steps of all pages that call these programs."""
    steps = [step for document in PAGES for step in steps_in(document) if step.program in programs]
    assert steps
    return steps


def words(command):
    """Return a shell command's words up to a pipe, redirection or comment, without assignments before it."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found = []
    for word in lexer:
        if word and set(word) <= set("();<>|&"):
            break
        found.append(word)
    while found and re.fullmatch(r"\w+=.*", found[0]):
        del found[0]
    return found


def assert_parses(command):
    """Fail unless a `saelite` command names a real command, real options and all that is required."""
    context, arguments = CONTEXTS["saelite"], words(command)[1:]
    while isinstance(context.command, click.Group) and arguments and not arguments[0].startswith("-"):
        default = getattr(context.command, "default", None)
        is_named = default is None or f"{context.command_path} {arguments[0]}" in CONTEXTS
        context = CONTEXTS[f"{context.command_path} {arguments.pop(0) if is_named else default}"]
    given, rest, _ = context.command.make_parser(context).parse_args(arguments)
    assert not rest or isinstance(context.command, click.Group), f"too many arguments: {rest}"
    for parameter in context.command.params:
        value = given.get(parameter.name)
        # click marks what was not given by None, or by an object of its own.
        is_given = isinstance(value, (str, tuple, list, bool, int)) and value not in ((), [])
        assert is_given or not parameter.required, f"{parameter.name} is required"
        if is_given and not isinstance(parameter.type, click.Path):
            parameter.type_cast_value(context, value)


def test_page_of_commands_says_what_the_commands_say():
    assert PAGE.read_text(encoding="utf-8") == page(main), "write it again with: make docs"


def test_page_of_a_plants_file_says_what_the_settings_say():
    assert generate_plant.PAGE.read_text(encoding="utf-8") == generate_plant.page(), "write it again with: make docs"


def test_page_of_microcontrollers_says_what_the_figures_say():
    written = generate_cortex_m.PAGE.read_text(encoding="utf-8")
    assert written == generate_cortex_m.page(), "write it again with: make docs"


def test_page_of_fleets_says_what_the_figures_say():
    assert generate_fleet.PAGE.read_text(encoding="utf-8") == generate_fleet.page(), "write it again with: make docs"


@pytest.mark.parametrize("path", CONTEXTS)
def test_command_is_documented_with_every_option(path):
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## `{path}`\n")[2].partition("\n## ")[0]
    assert section
    for parameter in CONTEXTS[path].command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{parameter.name} has no help"
            assert all(name in section for name in parameter.opts), f"{parameter.name} is not documented"


@pytest.mark.parametrize("path", CONTEXTS)
def test_help_has_an_example_that_parses(path):
    shown = examples(CONTEXTS[path])
    assert CONTEXTS[path].command.get_short_help_str()
    assert shown
    for example in shown:
        assert_parses(example)


def test_pages_call_saelite_as_it_is():
    for step in steps_of("saelite"):
        if step.page == CLI_PAGE:  # its usage lines are not calls, and its examples are tested above
            continue
        try:
            assert_parses(step.text)
        except (AssertionError, KeyError, click.ClickException) as error:
            pytest.fail(f"{step.where}: {error}")


def test_pages_name_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps_of("make"):
        asked = {word for word in words(step.text)[1:] if "=" not in word and not word.startswith("-")}
        assert asked <= targets, step.where


def test_pages_name_extras_that_exist():
    extras = set(importlib.metadata.metadata("saelite").get_all("Provides-Extra"))
    for step in steps_of("pip", "pip3", "python", "python3"):
        for named in re.findall(r"(?:saelite|\.)\[([\w,-]+)\]", step.text):
            assert set(named.split(",")) <= extras, step.where


def test_pages_name_scripts_and_modules_that_exist():
    for step in steps_of("python", "python3"):
        first, *rest = [*words(step.text)[1:], ""]
        if first.endswith(".py"):
            assert (ROOT / first).is_file(), step.where
        elif first == "-m":
            assert importlib.util.find_spec(rest[0]) is not None, step.where


def test_python_blocks_of_pages_compile():
    for step in steps_of("python block"):
        compile(step.text, f"{step.page}:{step.line}", "exec")


@pytest.mark.parametrize(
    "step",
    [step for step in steps_of("python block") if not step.skip and step.page not in RUN_WHOLE],
    ids=lambda step: f"{step.page}:{step.line}",
)
def test_python_block_of_a_guide_runs(step, tmp_path):
    code, output = run([sys.executable, "-c", step.text], tmp_path, None)
    assert code == 0, f"{step.where}\n{output}"


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document):
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        assert re.match(r"https?:", target) or (document.parent / target).exists(), target


@pytest.mark.parametrize("document", RUN_WHOLE.values(), ids=RUN_WHOLE)
def test_page_works_from_top_to_bottom(document, tmp_path):
    write_recordings(tmp_path)
    for step in steps_in(document):
        if step.skip or step.program not in ("saelite", "python block"):
            continue
        # Without pipefail, as a reader types it: `| head` may close the pipe on a command that is still writing.
        arguments = ["bash", "-c", step.text]
        if step.program == "python block":
            arguments = [sys.executable, "-c", step.text]
        code, output = run(arguments, tmp_path, step.stop_after_s)
        assert code == 0, f"{step.where}\nended with {code}:\n{output}"
        assert not re.search("^(Error|Traceback)", output, re.MULTILINE), f"{step.where}\n{output}"


def write_recordings(folder):
    """Write what the README's reader brings: a normal recording, one that ends in a fault, and two of a plant."""
    rng = np.random.default_rng(0)
    (folder / "pumps").mkdir()
    plant = (("pumps/pump1.csv", 600, 0), ("pumps/pump2.csv", 600, 0))
    for name, n_rows, n_faulty in (("normal.csv", 1200, 0), ("log.csv", 400, 60), *plant):
        phase = np.arange(n_rows) / 30
        noise = rng.normal(0, 0.05, (4, n_rows))
        flow, pressure = 12 + np.sin(phase) + noise[0], 3 + 0.2 * np.sin(phase) + noise[1]
        current, temperature = 5 + 0.5 * np.cos(phase) + noise[2], 40 + np.cos(phase / 4) + noise[3]
        if n_faulty:
            flow[-n_faulty:] -= 4
            current[-n_faulty:] += 3
        rows = np.column_stack([np.arange(n_rows), flow, pressure, current, temperature])
        names = "time,flow,pressure,current,temperature"
        np.savetxt(folder / name, rows, fmt="%.5g", delimiter=",", header=names, comments="")


def run(arguments, folder, stop_after_s):
    """Run a process, its scripts first on PATH; return its exit code and all it printed."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    assert shutil.which("saelite", path=path), "saelite is not installed: pip install -e ."
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=stop_after_s or STEP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # As a terminal does on Ctrl-C: every process of the line gets it.
        os.killpg(process.pid, signal.SIGINT if stop_after_s else signal.SIGKILL)
        output, _ = process.communicate()
        stopped_by_us = stop_after_s and process.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
        return (0 if stopped_by_us else process.returncode), output
    return process.returncode, output
