"""A seeded simulator of machines: sensors, modes, seasons, drift, wear, standstill and ten kinds of faults.

Every sensor is made in steps, all in standard deviations until the last:

=====================  ============================================================================================
`modes`                which mode the machine is in, a semi-Markov chain, and which rows it stands still
`drivers`              hidden causes (load, speed, ambient …), autocorrelated, the same for all sensors
`mixing`               sensor = gentle curve of a mix of the drivers; each mode has its own offset and mix
`slow`                 daily cycle, drift (a random walk), wear (a line)
`noise`                the sensor's own: part autocorrelated, part white
`machine`              into the sensor's unit: ``offset + scale * value``
`faults`               put in afterwards, into one sensor or into the machine
=====================  ============================================================================================
"""

from benchmarks.simulator.faults import KINDS
from benchmarks.simulator.machine import SimulatedMachine
from benchmarks.simulator.machine_settings import MachineSettings
from benchmarks.simulator.simulation import simulate

__all__ = ["KINDS", "MachineSettings", "SimulatedMachine", "simulate"]
