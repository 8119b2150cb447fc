"""Engines that run a task on many items: this process, processes of this machine, a Dask cluster.

==========================  =======================================================================
`executor.Executor`         what each of them can do
`in_process.InProcess`      one after the other, here
`processes.Processes`       processes of this machine, pinned to one thread each and replaced in time
`dask_cluster.DaskCluster`  a Dask cluster that runs already, or one started here
`retrying.every_result`     one result for every item, whatever happens to workers
==========================  =======================================================================
"""

from saelite.fleet.executors.chosen_executor import executor_for
from saelite.fleet.executors.executor_base import Done, Executor, Task
from saelite.fleet.executors.retrying import Lost, chunked, every_result

__all__ = ["Done", "Executor", "Lost", "Task", "chunked", "every_result", "executor_for"]
