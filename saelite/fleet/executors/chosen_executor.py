"""Which engine: from what was asked for."""

from __future__ import annotations

from edge_runtime.errors import UsageError
from saelite.fleet.executors.executor_base import Executor


def executor_for(cluster: str | None = None, workers: int | None = None) -> Executor:
    """Return an engine.

    Parameters
    ----------
    cluster : str, optional
        Of Dask, see `saelite.fleet.executors.dask_cluster.DaskCluster`.
    workers : int, optional
        Processes of this machine, by default one for each core; 0 works in this process.

    Raises
    ------
    UsageError
        If both are given.

    Examples
    --------
    >>> executor_for(workers=0).name, executor_for(workers=2).name
    ('this process', '2 processes')
    """
    if cluster is not None and workers is not None:
        raise UsageError(
            "a cluster has its own number of workers: expected --cluster or --workers. Received: both. Leave one out."
        )
    if cluster is not None:
        from saelite.fleet.executors.dask_cluster import DaskCluster

        return DaskCluster(cluster)
    if workers == 0:
        from saelite.fleet.executors.in_process import InProcess

        return InProcess()
    from saelite.fleet.executors.processes import Processes

    return Processes(workers)
