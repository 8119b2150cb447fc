"""Who may import whom: each wall is proved in a process of its own."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"keras", "matplotlib", "polars", "scipy", "sklearn", "tensorflow"}
# What each package, with every module under it, must never load.
WALLS = {
    "edge_runtime": HEAVY | {"benchmarks", "export", "saelite", "training"},
    "training": {"benchmarks", "export", "saelite"},
    "export": {"benchmarks", "saelite"},
    "benchmarks": {"saelite"},  # training and export meet here, and in saelite
}
# Training and export meet at the run folder: its description is all of training that export may know.
HANDED_OVER = {"training", "training.run_folder"}
# Export reads dense layers out of Keras models with them; a run folder holds plain weights.
READERS_OF_FOREIGN_MODELS = {"saved_model_ops.py", "traced_graph.py"}
ONLY_ON_A_WORKSTATION = {"jinja2", "keras", "matplotlib", "optuna", "psutil", "rich", "tensorflow"}
# Parquet is read where polars is installed.
LOADED_WHEN_ASKED_FOR = {"polars"}
# The interpreter is loaded when a model file is opened, not before.
EDGE_RUNTIME_MAY_LOAD = {"edge_runtime", "numpy"}

IMPORT_EVERY_MODULE = """
import importlib, json, pkgutil, sys
before = set(sys.modules)
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
# Compiled modules register helpers that have no spec: they come from no file.
loaded = {name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)}
print(json.dumps(sorted(loaded)))
"""
IMPORT_ONE_MODULE = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""
EXPORT_A_RUN_FOLDER = """
import json, sys
for package in sys.argv[3:]:
    sys.modules[package] = None  # importing it fails, and nobody finds it
from saelite.cli import main
main(["export", *sys.argv[1:3], "--quantize", "int8"], standalone_mode=False)
print(json.dumps(sorted(name for name in sys.modules if sys.modules[name] is not None)))
"""
HELP_OF_EVERY_COMMAND = """
import contextlib, io, json, sys
from generate_cli import walk
from saelite.cli import main

loaded = {}
for context in walk(main):
    arguments = [*context.command_path.split()[1:], "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        try:
            main(arguments, prog_name="saelite", standalone_mode=False)
        except SystemExit as stop:
            assert not stop.code, context.command_path
    assert shown.getvalue().startswith("Usage: " + context.command_path), shown.getvalue()
    loaded[context.command_path] = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps(loaded))
"""


def run(code, *arguments):
    """Run Python code in a fresh process and return the JSON of its last line."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "docs")])}
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def packages(modules):
    """Return the top-level packages of modules."""
    return {name.partition(".")[0] for name in modules}


def imports(file):
    """Return the modules that a file imports anywhere, functions included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("package", WALLS)
def test_package_never_loads_what_is_behind_its_wall(package):
    loaded = run(IMPORT_EVERY_MODULE, package)
    assert package in loaded
    assert packages(loaded) & WALLS[package] == set()


@pytest.mark.parametrize("package", WALLS)
def test_no_function_imports_later_what_is_behind_the_wall(package):
    imported = packages(name for file in (ROOT / package).rglob("*.py") for name in imports(file))
    assert imported
    assert imported & (WALLS[package] - LOADED_WHEN_ASKED_FOR) == set()


def test_export_knows_nothing_of_training_but_the_run_folder():
    imported = {name for file in (ROOT / "export").rglob("*.py") for name in imports(file)}
    assert {name for name in imported if name.split(".")[0] == "training"} == {"training.run_folder"}
    loaded = run(IMPORT_EVERY_MODULE, "export")
    assert {name for name in loaded if name.split(".")[0] == "training"} == HANDED_OVER


def test_export_imports_tensorflow_only_to_read_the_models_of_others():
    files = {file.name for file in (ROOT / "export").rglob("*.py") if packages(imports(file)) & {"keras", "tensorflow"}}
    assert files == READERS_OF_FOREIGN_MODELS


def test_run_folder_is_exported_without_what_only_a_workstation_has(trained, tmp_path):
    trained.save(tmp_path / "run")
    model = tmp_path / "pump.tflite"
    loaded = run(EXPORT_A_RUN_FOLDER, str(tmp_path / "run"), f"-o{model}", *ONLY_ON_A_WORKSTATION)
    assert model.stat().st_size
    assert packages(loaded) & ONLY_ON_A_WORKSTATION == set()


def test_run_folder_is_described_without_tensorflow():
    assert packages(run(IMPORT_ONE_MODULE, "training.run_folder")) & HEAVY == set()


def test_edge_runtime_loads_numpy_and_the_standard_library_alone():
    third_party = packages(run(IMPORT_EVERY_MODULE, "edge_runtime")) - sys.stdlib_module_names
    assert third_party == EDGE_RUNTIME_MAY_LOAD


@pytest.mark.parametrize("module", ["ai_edge_litert.interpreter", "tflite_runtime.interpreter"])
def test_interpreter_itself_never_loads_tensorflow(module):
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip("this runtime is not installed")
    assert packages(run(IMPORT_ONE_MODULE, module)) & HEAVY == set()


def test_no_command_loads_anything_heavy_to_show_its_help():
    loaded = run(HELP_OF_EVERY_COMMAND)
    assert len(loaded) > 1
    assert {path: HEAVY & set(modules) for path, modules in loaded.items()} == {path: set() for path in loaded}
