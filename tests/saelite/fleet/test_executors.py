"""Every engine gives one result for each item, whatever happens to its workers."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from fleet_tasks import DiesOn, Slow, double, facts_of_worker, raises_on_three

from edge_runtime.errors import SaeliteError, UsageError
from saelite.fleet.executors import Lost, chunked, every_result, executor_for
from saelite.fleet.executors.child_process import worker_environment
from saelite.fleet.executors.processes import Processes


@pytest.fixture(scope="module")
def dask_cluster():
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'saelite[fleet]'")
    with executor_for("local:2") as executor:
        yield executor


@pytest.fixture
def processes():
    with executor_for(workers=2) as executor:
        yield executor


@pytest.fixture(params=["in process", "processes", "dask"])
def executor(request):
    if request.param == "dask":
        return request.getfixturevalue("dask_cluster")
    return request.getfixturevalue("processes") if request.param == "processes" else executor_for(workers=0)


@pytest.fixture(params=["processes", "dask"])
def with_children(request):
    return request.getfixturevalue("dask_cluster" if request.param == "dask" else "processes")


def results_of(executor, task, items, size=1):
    found = list(every_result(executor, task, chunked(items, size)))
    assert sorted(item for item, _ in found) == sorted(items), "an item is missing, or came twice"
    return dict(found)


@pytest.mark.parametrize("size", [1, 3])
def test_every_item_has_its_result(executor, size):
    assert results_of(executor, double, range(10), size) == {item: 2 * item for item in range(10)}


def test_no_items_are_no_results(executor):
    assert results_of(executor, double, ()) == {}


def test_exception_costs_its_item_alone(executor):
    found = results_of(executor, raises_on_three, range(6), 2)
    assert found.pop(3) == Lost("ValueError: three")
    assert found == {item: 2 * item for item in (0, 1, 2, 4, 5)}


def test_item_that_kills_its_worker_is_tried_again_alone_and_then_reported(with_children, tmp_path):
    task = DiesOn(tmp_path, always=(3,), once=(4,))
    found = results_of(with_children, task, range(8), 2)
    lost = found.pop(3)
    assert isinstance(lost, Lost)
    assert "killed (signal 9), as the kernel does when memory runs out" in lost.reason
    assert found == {item: 2 * item for item in range(8) if item != 3}
    assert (task.attempts(3), task.attempts(4)) == (2, 2)


def test_libraries_of_workers_are_pinned_to_one_thread(with_children):
    assert {facts[1:] for facts in results_of(with_children, facts_of_worker, range(4)).values()} == {("1", "1")}


def test_workers_keep_freed_memory_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")
    environment = worker_environment()
    assert int(environment["MALLOC_TRIM_THRESHOLD_"]) > 1_000_000
    assert environment["MALLOC_MMAP_THRESHOLD_"] == "1000000"


def test_work_is_done_outside_this_process(with_children):
    assert os.getpid() not in {facts[0] for facts in results_of(with_children, facts_of_worker, range(4)).values()}


def test_processes_are_replaced_after_some_items():
    with Processes(1, recycled_after=3) as executor:
        found = results_of(executor, facts_of_worker, range(9))
    processes = [found[item][0] for item in range(9)]
    assert [processes.count(one) for one in dict.fromkeys(processes)] == [3, 3, 3]


def test_process_that_is_left_over_works_for_the_next_task_and_ends_with_the_executor():
    with executor_for(workers=1) as executor:
        assert results_of(executor, double, range(2)) == {0: 0, 1: 2}
        (first, *_), (second, *_) = (results_of(executor, facts_of_worker, [item])[item] for item in range(2))
    assert first == second
    wait_until(lambda: not is_running(first))


def test_chunks_are_taken_only_as_workers_become_free(executor):
    taken = []

    def chunks():
        for item in range(200):
            taken.append(item)
            yield (item,)

    ahead = [len(taken) - number for number, _ in enumerate(executor.run(double, chunks()), 1)]
    assert len(ahead) == 200
    assert max(ahead) <= 10 * executor.workers


def test_error_in_the_list_of_items_is_raised_where_it_is_read(executor):
    def chunks():
        yield (1,)
        raise OSError("the list cannot be read")

    with pytest.raises(OSError, match="the list cannot be read"):
        list(executor.run(double, chunks()))


def test_leaving_early_ends_the_processes(processes, tmp_path):
    running = processes.run(Slow(tmp_path, 0.01), ((item,) for item in range(10_000)))
    next(running)
    began = threading.active_count()
    running.close()
    assert threading.active_count() < began


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
def test_children_end_with_a_parent_that_is_ended(tmp_path, ended_by):
    code = (
        "import signal, sys; from fleet_tasks import Slow; from saelite.fleet.executors import executor_for\n"
        # Whoever runs these tests in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "list(executor_for(workers=1).run(Slow(sys.argv[1], 60), [(1,)]))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env=os.environ | paths(), stderr=subprocess.DEVNULL
    )
    (begun,) = wait_until(lambda: list(tmp_path.glob("1-*")))
    children = children_of(parent.pid)
    assert int(begun.name.partition("-")[2]) == parent.pid
    parent.send_signal(ended_by)
    assert parent.wait(30) != 0
    wait_until(lambda: not any(is_running(child) for child in children))


def test_interrupt_in_this_process_is_not_lost_on_a_task_that_takes_it_as_a_wish_to_end_early():
    def task(items):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            return ["half done"]

    with pytest.raises(KeyboardInterrupt):
        list(executor_for(workers=0).run(task, [(1,)]))


def test_dask_worker_that_is_killed_loses_nothing_and_repeats_no_result(dask_cluster, tmp_path):
    task, items = Slow(tmp_path, 0.4), range(12)

    def kill_one():
        begun = wait_until(lambda: sorted(tmp_path.iterdir()))
        os.kill(int(begun[0].name.partition("-")[2]), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    assert results_of(dask_cluster, task, items) == {item: 2 * item for item in items}
    killer.join()
    begun = [int(one.name.partition("-")[0]) for one in tmp_path.iterdir()]
    assert len(begun) > len(items), "the killed worker's item was begun twice"


def test_two_kinds_of_work_at_once_are_refused():
    with pytest.raises(UsageError, match=r"--cluster or --workers. Received: both"):
        executor_for("local:1", 2)


@pytest.mark.parametrize("address", ["local:0", "local:two", "scheduler"])
def test_address_that_is_none_is_refused(address):
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match="--cluster: expected"):
        executor_for(address)


def test_cluster_without_a_scheduler_is_said():
    pytest.importorskip("distributed")
    import dask

    answer = pytest.raises(SaeliteError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9")
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), answer:
        executor_for("tcp://127.0.0.1:9")


def paths():
    return {"PYTHONPATH": os.pathsep.join(sys.path)}


def children_of(pid):
    psutil = pytest.importorskip("psutil")
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition, seconds=30):
    """Return what a condition gives once it is true."""
    stop = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < stop, f"not within {seconds} s"
        time.sleep(0.05)
    return found
