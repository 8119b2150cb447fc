"""Do one job after another in a process of its own: ``worker_loop.py WORKER``, the path of a module with ``run``.

A job is a line of JSON on standard input, the arguments of ``run``; the answer a line on standard output: the words
that it returns, or what it raises. The process ends when standard input does. It needs only the standard library and
what the worker imports, so it also runs in an environment without saelite.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable


def main(path: str) -> None:
    """Answer jobs until there are no more."""
    # What a runtime prints must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Ctrl-C reaches every process of a terminal; the one that sent the job ends this one if it wants to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = _worker(path)
    for line in sys.stdin:
        answers.write(json.dumps(_answer(run, json.loads(line))) + "\n")
        answers.flush()


def _worker(path: str) -> Callable[..., list[str]]:
    # By its path: beside it lie modules whose names would hide those of others on the module search path.
    specification = importlib.util.spec_from_file_location("worker", path)
    if specification is None or specification.loader is None:
        raise ImportError(f"no module: {path}")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    run: Callable[..., list[str]] = module.run
    return run


def _answer(run: Callable[..., list[str]], arguments: list[str]) -> dict[str, object]:
    try:
        return {"words": run(*arguments)}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the job's, and the next may succeed
        # In one line: what the caller quotes is the last one.
        return {"error": " ".join(str(error).split()) or type(error).__name__}


if __name__ == "__main__":
    sys.path.pop(0)
    main(sys.argv[1])
