"""One model on several devices learns as on one."""

import subprocess
import sys

import numpy as np
import pytest

from training.several_devices import devices_text

# In a process of its own: devices are divided before tensorflow starts.
CODE = """
import sys
import numpy as np
import tensorflow as tf
count = int(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
import training.epoch_graph
names = tuple(device.name for device in tf.config.list_logical_devices("CPU"))
assert len(names) == count
training.epoch_graph.accelerators = lambda: names
from machines import SENSORS, pump_rows
from training.pipeline import train
from training.recordings import Recording
from training.settings import DetectorSettings
sizes = dict(window=3, code_size=8, hidden=(12,), epochs=6)
settings = DetectorSettings(**sizes, noise=0.1, momentum=0.5, seed=int(sys.argv[2]))
run = train(Recording("pump", SENSORS, pump_rows(800)), settings)
print("losses", *(epoch.validation_loss for epoch in run.history))
"""


def losses(devices, seed):
    command = [sys.executable, "-c", CODE, str(devices), str(seed)]
    environment = {"PYTHONPATH": ":".join(sys.path), "CUDA_VISIBLE_DEVICES": "-1", "TF_NUM_INTRAOP_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return np.array(done.stdout.rpartition("losses")[2].split(), float)


def test_two_devices_have_the_loss_curve_of_one_within_what_seeds_do():
    one, two, other_seed = losses(1, 0), losses(2, 0), losses(1, 1)
    assert len(one) == 6
    assert not np.array_equal(one, two), "the second device took no part"
    assert np.abs(two - one).max() < np.abs(other_seed - one).max()
    assert two[-1] < 0.9 * two[0]


@pytest.mark.parametrize(
    ("devices", "visible", "built_in", "said"),
    [
        (("/device:GPU:0", "/device:GPU:1", "/device:GPU:2"), None, 3, "on 3 accelerators, which share every batch"),
        (("/device:GPU:0",), "0", 2, "on one accelerator: tensorflow sees no other"),
        ((), "-1", 2, "which is faster for small networks; CUDA_VISIBLE_DEVICES=0,1 takes accelerators"),
        ((), "0", 0, "on the processor: tensorflow sees no accelerator with CUDA_VISIBLE_DEVICES=0"),
    ],
)
def test_it_is_said_on_what_a_model_is_trained_and_why(devices, visible, built_in, said):
    assert devices_text(devices, visible, built_in).endswith(said)


def test_nothing_is_said_of_accelerators_where_there_are_none():
    assert not devices_text((), "-1", 0)
