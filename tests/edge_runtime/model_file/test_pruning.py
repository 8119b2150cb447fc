"""A graph for some of its outputs: the same numbers from fewer ops."""

import numpy as np
import pytest
from machines import pump_rows

from edge_runtime.inference.batching import BatchedGraph
from edge_runtime.inference.runtimes import NUMPY, Runtime, installed_runtimes
from edge_runtime.model_file.checking.tflite_graph import read_checked_graph
from edge_runtime.model_file.pruning import with_outputs
from edge_runtime.signal.windows import sliding_windows


@pytest.mark.parametrize("names", [("score",), ("codes",), ("score", "contributions"), ("expected",)])
@pytest.mark.parametrize("runtime", [*installed_runtimes(), Runtime(NUMPY)], ids=lambda runtime: runtime.name)
def test_outputs_that_stay_are_the_same_from_fewer_ops(exported, runtime, names):
    if runtime.name == "tflite-runtime":
        pytest.skip("it cannot be loaded beside tensorflow")
    pruned = with_outputs(exported.flatbuffer, names)
    before, after = read_checked_graph(exported.flatbuffer), read_checked_graph(pruned)
    assert set(after.named(after.outputs)) == set(names)
    assert [op for op in before.ops if op in after.ops] == list(after.ops)
    assert len(after.ops) < len(before.ops)
    windows = sliding_windows(pump_rows(1100), 3)
    whole, part = (BatchedGraph(lambda: runtime.open(one)).run(windows, names) for one in (exported.flatbuffer, pruned))  # noqa: B023 - opened at once
    for name in names:
        np.testing.assert_array_equal(part[name], whole[name])


def test_all_outputs_are_the_same_graph(exported):
    graph = read_checked_graph(exported.flatbuffer)
    assert with_outputs(exported.flatbuffer, set(graph.named(graph.outputs))) == exported.flatbuffer
