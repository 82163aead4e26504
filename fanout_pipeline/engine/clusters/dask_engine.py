"""Lanes on the workers of a Dask cluster: one for each of their threads.

Lease (see `lanes`)   the result of a task, pinned to a worker and wanted by our client: when that is gone, however it
                      ended, the scheduler lets the worker forget the result, which closes the lane
a request             a task of its own, pinned to the same worker, with retries=0
to leave calls,       run by the worker beside its tasks (`Client.run`)
to close
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from fanout_pipeline.engine.clusters import lanes
from fanout_pipeline.engine.clusters.engine import Engine
from fanout_pipeline.engine.model.cluster import Cluster
from fanout_pipeline.engine.model.errors import ClusterFailed

_LOOK_SECONDS = 1.0
"""How often the scheduler is asked which workers there are."""
_TELLERS = 4
"""Threads that reach workers beside their tasks: one that does not answer must not keep others from being reached."""


def do(key: str, request: bytes) -> bytes:
    """The task of a request. Calls do not outlive a worker that is ending, as for want of its scheduler."""
    from distributed import get_worker

    worker: Any = get_worker()
    return lanes.do(key, request, lambda: worker.status.name in ("running", "paused"))


class DaskEngine(Engine):
    """See `Engine`."""

    name = "dask"

    def __init__(self, client: Any, cluster: Cluster):
        self._client = client
        self._cluster = cluster
        self.address = str(getattr(client.scheduler, "address", "?"))
        self._leases: dict[str, Any] = {}
        """The future of each lane's lease, by the lane's key."""
        self._waiting: dict[str, list[Callable[[], object]] | None] = {}
        """What is to be done once a lane is open; None once it is."""
        self._lock = threading.Lock()
        self._failed: str | None = None
        self._tellers = ThreadPoolExecutor(_TELLERS, "fanout_dask")
        self._is_closed = threading.Event()
        self._places: dict[str, int] = {}
        self._look()
        self._watch = threading.Thread(target=self._keep_looking, name="fanout_dask", daemon=True)
        self._watch.start()

    def places(self) -> Mapping[str, int]:
        return self._places

    def _look(self) -> None:
        found = self._client.sync(self._client.scheduler.identity)["workers"]
        self._places = {
            address: lanes
            for address, worker in found.items()
            if worker["status"] == "running" and (lanes := self._lanes(worker))
        }

    def _lanes(self, worker: Mapping[str, Any]) -> int:
        """How many lanes have room on a worker."""
        offered = worker["resources"]
        counts = [int(offered.get(name, 0) // n) for name, n in self._cluster.resources.items()]
        return int(min([worker["nthreads"], *counts]))

    def _keep_looking(self) -> None:
        while not self._is_closed.wait(_LOOK_SECONDS):
            # While it connects again, it has given up all that it had submitted.
            if self._client.status != "running":
                self._lost()
                return
            with suppress(Exception):  # Its status says what that means.
                self._look()

    def _lost(self) -> None:
        if not self._is_closed.is_set():
            self._failed = (
                f"The Dask scheduler at {self.address} was lost. What was done is kept where runs are resumed: see that "
                "it runs, and run again."
            )
            self._places = {}

    def require_alive(self) -> None:
        if self._failed is not None:
            raise ClusterFailed(self._failed)

    def open_lane(self, key: str, place: str, folder: str, share: int) -> None:
        with self._lock:
            self._waiting[key] = []
        lease = self._submit(lanes.Lease, "fanout-lane-" + key, place, key, folder, share)
        self._leases[key] = lease
        lease.add_done_callback(lambda future: self._opened(key, future))

    def _submit(self, function: Callable[..., Any], key: str, place: str, *arguments: Any) -> Any:
        how = {"workers": [place], "allow_other_workers": False, "pure": False, "retries": 0}
        resources = dict(self._cluster.resources) if function is do else None
        return self._client.submit(function, *arguments, key=key, resources=resources, **how)

    def _opened(self, key: str, future: Any) -> None:
        if future.status == "error":
            self._failed = f"A worker of the Dask cluster at {self.address} could not begin: {future.exception()!r}"
        with self._lock:
            waiting = self._waiting.get(key)
            if key in self._waiting:
                self._waiting[key] = None
        for one in waiting or ():
            one()

    def do(
        self, key: str, place: str, request: bytes, done: Callable[[bytes | None], object]
    ) -> None:
        def submit() -> None:
            task = f"fanout-{key}-{time.monotonic_ns()}"
            with self._answering(done):
                future = self._submit(do, task, place, key, request)
                future.add_done_callback(lambda future: self._answered(future, done))

        with self._lock:
            waiting = self._waiting.get(key)
            if waiting is not None:
                waiting.append(submit)
                return
        submit()

    def _answered(self, future: Any, done: Callable[[bytes | None], object]) -> None:
        with self._answering(done):
            if future.status == "error":
                self._failed = (
                    f"A worker of the Dask cluster at {self.address} failed: {future.exception()!r}"
                )
            if future.status == "finished":
                self._client.loop.add_callback(self._gather, future, done)
            else:
                done(None)

    async def _gather(self, future: Any, done: Callable[[bytes | None], object]) -> None:
        """Beside other answers: where the worker has died since, this one comes never."""
        try:
            answer = await self._client.gather(future, asynchronous=True)
        except (Exception, asyncio.CancelledError):
            answer = None
        done(answer)

    @contextmanager
    def _answering(self, done: Callable[[bytes | None], object]) -> Iterator[None]:
        """Where the block cannot get an answer, nobody waits for one."""
        try:
            yield
        except Exception:  # The connection was lost in between.
            done(None)

    def leave_calls(self, key: str, place: str) -> None:
        self._tell(lanes.leave_calls, key, place)

    def close_lane(self, key: str, place: str) -> None:
        with self._lock:
            self._waiting.pop(key, None)
        lease = self._leases.pop(key, None)
        if lease is not None and place in self._places:
            self._tell(lanes.close_lane, key, place)
        if lease is not None and not self._is_closed.is_set():
            with suppress(Exception):
                lease.release()

    def _tell(self, function: Callable[[str], object], key: str, place: str) -> None:
        how = {"workers": [place], "on_error": "ignore"}
        with suppress(RuntimeError):  # It is closed.
            self._tellers.submit(self._client.run, function, key, **how)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Mapping[str, Any]:
        places = list(self._places)
        found = dict(self._client.run(function, *arguments, workers=places, on_error="return"))
        found["scheduler"] = self._client.run_on_scheduler(function, *arguments)
        return found

    def close(self) -> None:
        self._is_closed.set()
        self._tellers.shutdown(wait=self._failed is None)
        self._watch.join(2 * _LOOK_SECONDS)
