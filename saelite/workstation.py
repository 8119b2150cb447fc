"""What commands that need tensorflow do first."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from importlib.util import find_spec

from edge_runtime.common.silence import silent_stderr
from edge_runtime.errors import missing_extra

_MODULES = {
    "tensorflow": "tensorflow",
    "litert_quantizer": "litert-quantizer",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "rich": "rich",
    "matplotlib": "matplotlib",
    "jinja2": "jinja2",
}


def require_workstation(command: str) -> None:
    """Raise MissingExtraError unless the workstation extra is installed; keep tensorflow quiet and on one thread.

    tensorflow and its C++ parts write start-up chatter to the terminal unless told not to before they
    are first imported. A step of a small network takes longer to share out among threads than to do: with
    one it is done in half the time. What the user has set in the environment stays.
    """
    for module, package in _MODULES.items():
        if find_spec(module) is None:
            raise missing_extra(package, "workstation", f"`saelite {command}`")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(tensorflow|keras|ai_edge|litert).*")
    with silent_stderr():
        importlib.import_module("tensorflow")
