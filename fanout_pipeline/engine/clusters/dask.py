"""The strategy that calls on the workers of a Dask cluster: see `dask_engine`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fanout_pipeline.engine.model.cluster import Cluster
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Strategy


@contextmanager
def start(options: Options) -> Iterator[Crew]:
    """Raises ClusterFailed where the cluster cannot be used, ImportError where Dask is not installed."""
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            "strategy='dask' takes Dask's scheduler, which is not installed: pip install 'fanout_pipeline[dask]'."
        ) from error
    # Whoever has no cluster does without these: they import asyncio.
    from fanout_pipeline.engine.clusters.crew import crew_on
    from fanout_pipeline.engine.clusters.dask_client import client_of
    from fanout_pipeline.engine.clusters.dask_engine import DaskEngine

    cluster = Cluster.of(options.cluster)
    with ExitStack() as opened:
        client = client_of(distributed, cluster, options, opened)
        engine = DaskEngine(client, cluster)
        opened.callback(engine.close)
        with crew_on(engine, cluster, options) as crew:
            yield crew


STRATEGY = Strategy(
    name="dask",
    description="Spreads the chunks over the workers of a Dask cluster. A chunk's descriptor goes there, and a process "
    "beside the worker reads the items, calls the function and writes the part to the folder that all share.",
    start=start,
    start_methods=("spawn",),
    remote=True,
    lacks=frozenset(),
)
