"""Standard error while C++ libraries are silenced, by several threads at once."""

import sys
import threading

from edge_runtime.common.silence import STDERR, silent_stderr


def test_threads_that_are_silent_at_once_leave_standard_error_as_it_was(capfd):
    inside = threading.Barrier(2, timeout=0.2)

    def silent():
        with silent_stderr():
            try:
                inside.wait()
            except threading.BrokenBarrierError:
                return
            raise AssertionError("two threads were silent at once")

    def says():
        for _ in range(3):
            with STDERR:
                sys.stderr.write("heard\n")

    threads = [threading.Thread(target=target) for target in (silent, silent, says)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with STDERR:
        sys.stderr.write("the end\n")
    assert capfd.readouterr().err == "heard\n" * 3 + "the end\n"
