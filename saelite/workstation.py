"""What commands do first that train or export: they need packages that a device does not have."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Mapping
from importlib.util import find_spec

from edge_runtime.common.silence import silent_stderr
from edge_runtime.errors import missing_extra

_EXPORT = {"ai_edge_litert": "ai-edge-litert", "litert_quantizer": "litert-quantizer", "sklearn": "scikit-learn"}
_WORKSTATION = {
    "tensorflow": "tensorflow",
    **_EXPORT,
    "scipy": "scipy",
    "rich": "rich",
    "matplotlib": "matplotlib",
    "jinja2": "jinja2",
}


def require_export(command: str) -> None:
    """Raise MissingExtraError unless the export extra is installed; keep its packages quiet."""
    _require(_EXPORT, "export", command)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(ai_edge|litert).*")


def check_workstation(command: str) -> None:
    """Raise MissingExtraError unless the workstation extra is installed, and load none of it.

    For a command whose work other processes do: loading tensorflow takes it seconds.
    """
    _require(_WORKSTATION, "workstation", command)


def require_workstation(command: str) -> None:
    """Raise MissingExtraError unless the workstation extra is installed; keep tensorflow quiet and on one thread.

    tensorflow and its C++ parts write start-up chatter to the terminal unless told not to before they
    are first imported. A step of a small network takes longer to share out among threads than to do: with
    one it is done in half the time. What the user has set in the environment stays.
    """
    check_workstation(command)
    require_export(command)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(tensorflow|keras).*")
    with silent_stderr():
        importlib.import_module("tensorflow")


def _require(modules: Mapping[str, str], extra: str, command: str) -> None:
    for module, package in modules.items():
        if find_spec(module) is None:
            raise missing_extra(package, extra, f"`saelite {command}`")
