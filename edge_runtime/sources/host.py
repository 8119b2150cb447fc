"""Sensors of this machine: processor, memory, disk, loopback traffic, temperatures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_runtime.errors import missing_extra
from edge_runtime.sources.paced import paced
from edge_runtime.sources.reading import Reading

_LOOPBACK = "lo"


class HostSource:
    """Samples the machine that the program runs on, at a fixed rate.

    Counters (context switches, bytes, page faults …) become rates per second over the time that
    actually passed between two samples, so a late sample does not look like a burst.

    Parameters
    ----------
    rate_hz : float
        Readings per second.
    sensors : tuple of str, optional
        Keep only these sensors, in this order; by default all sensors of this machine.

    Raises
    ------
    MissingExtraError
        If psutil is not installed.

    Examples
    --------
    >>> source = HostSource(rate_hz=50)
    >>> reading = next(iter(source))
    >>> 0 <= reading.values["memory_used_percent"] <= 100
    True
    """

    def __init__(self, rate_hz: float = 4.0) -> None:
        try:
            import psutil
        except ImportError as error:
            raise missing_extra("psutil", "host", "the host source") from error
        self._psutil = psutil
        self.period_s = 1.0 / rate_hz
        self._most = _most_percent(len(psutil.cpu_times(percpu=True)))
        self._before = self._counters()
        self._before_s = time.monotonic()

    def __iter__(self) -> Iterator[Reading]:
        for wait_s in paced(self.period_s):
            time.sleep(wait_s)
            yield self.read()

    def read(self) -> Reading:
        """Return one reading: rates since the previous call, and the current gauges."""
        now, now_s = self._counters(), time.monotonic()
        elapsed_s = max(now_s - self._before_s, 1e-6)
        # The kernel's idle and iowait totals may decrease slightly; a device may disappear with its counter.
        rates = {name: max(0.0, now.get(name, before) - before) / elapsed_s for name, before in self._before.items()}
        rates = {name: min(rate, self._most.get(name, rate)) for name, rate in rates.items()}
        self._before, self._before_s = now, now_s
        return Reading(time.time(), {**rates, **self._gauges()})

    def _counters(self) -> dict[str, float]:
        """Return increasing totals, named after the rates they become."""
        psutil = self._psutil
        counters: dict[str, float] = {}
        # Seconds of CPU time per second of wall time, times 100, is per cent.
        for core, times in enumerate(psutil.cpu_times(percpu=True)):
            counters[f"cpu{core}_percent"] = 100.0 * _busy_s(times)
        total = psutil.cpu_times()
        counters["cpu_user_percent"] = 100.0 * (total.user + getattr(total, "nice", 0.0))
        counters["cpu_system_percent"] = 100.0 * total.system
        counters["cpu_iowait_percent"] = 100.0 * getattr(total, "iowait", 0.0)
        stats = psutil.cpu_stats()
        counters["context_switches_per_s"] = stats.ctx_switches
        counters["interrupts_per_s"] = stats.interrupts
        counters["soft_interrupts_per_s"] = stats.soft_interrupts
        faults = _proc_table(Path("/proc/vmstat"))
        if "pgfault" in faults:
            counters["page_faults_per_s"] = faults["pgfault"]
            counters["major_page_faults_per_s"] = faults["pgmajfault"]
        forks = _proc_table(Path("/proc/stat"))
        if "processes" in forks:
            counters["forks_per_s"] = forks["processes"]
        disk = psutil.disk_io_counters()
        if disk is not None:
            counters["disk_reads_per_s"] = disk.read_count
            counters["disk_writes_per_s"] = disk.write_count
            counters["disk_read_kb_per_s"] = disk.read_bytes / 1e3
            counters["disk_write_kb_per_s"] = disk.write_bytes / 1e3
        loopback = psutil.net_io_counters(pernic=True).get(_LOOPBACK)
        if loopback is not None:
            counters["loopback_kb_per_s"] = loopback.bytes_recv / 1e3
            counters["loopback_packets_per_s"] = loopback.packets_recv
        return counters

    def _gauges(self) -> dict[str, float]:
        """Return values that are readings as they are."""
        psutil = self._psutil
        memory = psutil.virtual_memory()
        gauges = {
            "memory_used_percent": float(memory.percent),
            "memory_cached_percent": 100.0 * getattr(memory, "cached", 0) / memory.total,
            "load1": psutil.getloadavg()[0],
        }
        running = _proc_table(Path("/proc/stat")).get("procs_running")
        if running is not None:
            gauges["processes_running"] = running
        for chip, entries in _temperatures(psutil).items():
            for number, entry in enumerate(entries):
                gauges[f"{chip}{number}_c"] = entry.current
        return gauges


def _most_percent(cores: int) -> dict[str, float]:
    """Return the maximum of a processor's shares: ticks are counted late, which sometimes yields 107 %."""
    totals = dict.fromkeys(("cpu_user_percent", "cpu_system_percent", "cpu_iowait_percent"), 100.0 * cores)
    return {**{f"cpu{core}_percent": 100.0 for core in range(cores)}, **totals}


def _busy_s(times: Any) -> float:
    idle = times.idle + getattr(times, "iowait", 0.0)
    return float(sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0))


def _proc_table(path: Path) -> dict[str, float]:
    """Return the ``name value`` lines of a /proc file; empty if there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


def _temperatures(psutil: Any) -> dict[str, list[Any]]:
    read = getattr(psutil, "sensors_temperatures", None)
    return dict(read()) if read is not None else {}
