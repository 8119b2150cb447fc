"""The numpy executor against TensorFlow Lite Micro's own kernels."""

import importlib.util

import pytest
from kernel_sweep import sweep
from random_kernels import KERNELS
from reference_kernels import MICRO, Reference

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed"
)

# Exported networks hold rectifiers within their dense layers, never as ops of their own; its RELU6 does not rescale.
OF_NETWORKS = [name for name in KERNELS if not name.startswith("RELU")]


@pytest.fixture(scope="module")
def micro():
    process = Reference(MICRO)
    yield process
    process.close()


@pytest.mark.parametrize("kernel", OF_NETWORKS)
def test_kernels_are_those_of_tflite_micro_bit_for_bit(micro, kernel):
    found, _ = sweep(micro, kernel, 20_000, seed=5)
    assert found["compared"] + found["refused"] >= 20_000
    assert found["differ"] == 0
