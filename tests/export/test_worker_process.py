"""Workers that live on between exports: one for each runtime, replaced after a crash, apart in forks and threads."""

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import odd_worker
import pytest

from edge_runtime.errors import ModelFileError
from export import worker_process
from export.installed import InstalledRuntime
from export.worker_process import close_workers, run_worker

RUNTIME = InstalledRuntime("odd", "1.0")
ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture(autouse=True)
def _ended():
    close_workers()
    yield
    close_workers()


def worker(what="anything", rows=ROWS, runtime=RUNTIME):
    """Return the id of the process that did a job."""
    outputs, (pid,) = run_worker(runtime, odd_worker, b"", rows, what)
    np.testing.assert_array_equal(outputs["inputs"], rows)
    return int(pid)


def ends(pid):
    """Return whether a process is gone before long."""
    for _ in range(500):
        if not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_one_process_does_all_jobs_of_a_runtime():
    assert len({worker(), worker("again"), worker()}) == 1
    assert worker(runtime=InstalledRuntime("odd", "2.0")) != worker()


def test_a_crash_is_the_error_of_that_file_and_the_next_one_is_run():
    before = worker()
    with pytest.raises(ModelFileError, match=r"odd 1\.0 cannot run the exported graph: exit code -11"):
        worker("crash")
    assert worker() != before


def test_a_refusal_is_quoted_and_the_worker_lives_on():
    before = worker()
    with pytest.raises(ModelFileError, match="graph: ERROR: op 7 is odd; node number 3 failed to prepare"):
        worker("refuse")
    assert worker() == before


def test_words_of_an_earlier_job_are_not_quoted_again():
    with pytest.raises(ModelFileError, match="op 7 is odd"):
        worker("refuse")
    with pytest.raises(ModelFileError, match="graph: exit code -11"):
        worker("crash")


def test_a_job_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(worker_process, "_TIMEOUT_S", 0.2)
    with pytest.raises(ModelFileError, match="no answer within"):
        worker("wait")


def test_a_worker_is_replaced_after_many_jobs(monkeypatch):
    monkeypatch.setattr(worker_process, "_MOST_JOBS", 2)
    first, second, third = worker(), worker(), worker()
    assert first == second != third
    assert ends(first)


def test_threads_get_the_answers_to_their_own_jobs():
    rows = [np.full((4, 2), number, np.float32) for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda own: worker(rows=own), rows))) == 1


def _job_in_fork(answers):
    answers.put(worker())


def test_a_forked_process_has_a_worker_of_its_own():
    before = worker()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    forked = context.Process(target=_job_in_fork, args=(answers,))
    forked.start()
    pid = answers.get(timeout=60)
    forked.join(60)
    assert forked.exitcode == 0
    assert pid != before == worker()
    assert ends(pid)


@pytest.mark.parametrize("ending", ["pass", "os.kill(os.getpid(), 9)", "os._exit(1)"], ids=["exit", "kill", "_exit"])
def test_workers_end_with_their_process(ending):
    code = (
        "import os, sys, numpy as np, odd_worker\n"
        "from export.installed import InstalledRuntime\n"
        "from export.worker_process import run_worker\n"
        "print(run_worker(InstalledRuntime('odd', '1'), odd_worker, b'', np.zeros((1, 1)), 'x')[1][0], flush=True)\n"
        f"{ending}\n"
    )
    path = os.pathsep.join([str(Path(odd_worker.__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert ends(int(process.stdout))


def test_an_interrupted_job_leaves_no_answer_for_the_next(monkeypatch):
    before = worker()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(worker_process.json, "loads", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker()
    assert worker() != before
