"""A client of the Dask cluster that a run is to use: the user's, one that is named, or one of this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any

from fanout_pipeline.engine.model.cluster import Cluster
from fanout_pipeline.engine.model.errors import ClusterFailed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.system.cores import effective_cores

ADDRESS = "DASK_SCHEDULER_ADDRESS"


def client_of(distributed: Any, cluster: Cluster, options: Options, opened: ExitStack) -> Any:
    """A client of the cluster, the user's own or one that is closed at the end."""
    address = cluster.address or os.environ.get(ADDRESS)
    if isinstance(address, distributed.Client):
        if address.status != "running":
            raise ClusterFailed(f"The distributed.Client that is given is {address.status}.")
        return address
    if address is None:
        return _embedded(distributed, options, opened)
    if not isinstance(address, str):
        raise TypeError(
            f"cluster is of type {type(address).__name__}: give an address, a Cluster or a distributed.Client."
        )
    security = cluster.tls
    if isinstance(security, Mapping):
        security = distributed.Security(require_encryption=True, **security)
    how = {"security": security, "set_as_default": False, "name": "fanout"}
    try:
        _require_scheduler(address, security, cluster.wait_seconds)
        client = distributed.Client(address, timeout=cluster.wait_seconds, **how)
    except Exception as error:
        raise ClusterFailed(
            f"No Dask scheduler answers at {address} within {cluster.wait_seconds:g} s ({str(error) or 'nothing was said'}). Name the address that "
            "`dask scheduler` shows, such as tcp://host:8786 (tls:// with certificates), in cluster= or "
            f"{ADDRESS}; or leave both out for a cluster of this machine."
        ) from error
    opened.callback(client.close, timeout=5)
    return client


def _embedded(distributed: Any, options: Options, opened: ExitStack) -> Any:
    """A client of a scheduler and workers in threads of this process, as calls are made by processes of lanes."""
    import dask.config

    folder = opened.enter_context(TemporaryDirectory(prefix="fanout-"))
    count = {"n_workers": options.workers or effective_cores(), "threads_per_worker": 1}
    how = {"host": "127.0.0.1", "protocol": "tcp://", "memory_limit": 0, "local_directory": folder}
    # Each has a web server, which then shows nothing.
    web = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    kinds = {"scheduler_kwargs": {"dashboard": False}}
    routes: dict[str, Any] = {
        f"distributed.{one}.http.routes": [] for one in ("scheduler", "worker")
    }
    with dask.config.set(routes):
        local = distributed.LocalCluster(processes=False, **count, **how, **web, **kinds)
    opened.enter_context(local)
    client = distributed.Client(local, set_as_default=False, name="fanout")
    return opened.enter_context(client)


def _require_scheduler(address: str, security: Any, seconds: float) -> None:
    """Raises what says why none answers, after so many seconds at most.

    A client would wait for ever for a port that accepts and says nothing.
    """
    # A notebook's thread has a loop that is running.
    with ThreadPoolExecutor(1) as aside:
        kind = aside.submit(asyncio.run, _kind_of(address, security, seconds)).result()
    if kind != "Scheduler":
        raise ConnectionError(f"what answers there is a {kind}")


async def _kind_of(address: str, security: Any, seconds: float) -> str:
    import distributed.comm.core

    how = {} if security is None else security.get_connection_args("client")
    async with asyncio.timeout(seconds):
        connect: Any = distributed.comm.core.connect
        comm = await connect(address, timeout=seconds, **how)
        try:
            await comm.write({"op": "identity", "reply": True})
            answer = await comm.read()
        finally:
            comm.abort()
    return str(answer.get("type"))
