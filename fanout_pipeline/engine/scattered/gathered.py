"""What a run took whose chunks ran in processes that someone else started."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.scattered.begun import Begun
from fanout_pipeline.engine.system.usage import ProcessUsage, own_usage
from fanout_pipeline.results.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Answer:
    """What one step took. Times are seconds since the epoch, because several processes take them."""

    run: str
    """The run that it belonged to: a re-execution is given the answers of the run before, too."""
    began: float
    ended: float
    busy_seconds: float
    """Time by a clock that cannot be set back, as that of `began` can."""
    usage: ProcessUsage


def gathered(
    begun: Begun,
    answers: Sequence[Answer],
    manifest: Manifest,
    chunks: int,
    workers: int,
    begin_gather: float,
    rest_seconds: float,
    rest_used: Sequence[ProcessUsage],
) -> RunRecord:
    """The record of a run that has just made its results visible.

    `workers`: the most steps at a time. `rest_seconds`: what gather took for what no step had done, in
    processes that have used `rest_used`.
    """
    ended = time.time()
    first = min((answer.began for answer in answers), default=begin_gather)
    last = max((answer.ended for answer in answers), default=begin_gather)
    called = [*(answer.usage for answer in answers), *rest_used]
    pids = tuple(dict.fromkeys(usage.pid for usage in called))
    used = _by_process([begun.usage, *called, own_usage()])
    return RunRecord(
        strategy=manifest.strategy,
        # At least what one step took by the clock that cannot be set back.
        wall_seconds=max([ended - begun.began, *(answer.busy_seconds for answer in answers)]),
        start_seconds=max(0.0, first - begun.ended),
        run_seconds=max(0.0, begun.ended - begun.began + last - first) + rest_seconds,
        stop_seconds=max(0.0, begin_gather - last),
        commit_seconds=max(0.0, ended - begin_gather - rest_seconds),
        cpu_seconds=sum(used.values()) - begun.usage.cpu_seconds,
        peak_rss_bytes=max([own_usage().peak_rss_bytes, *(u.peak_rss_bytes for u in called)]),
        items=manifest.items,
        workers=max(1, min(workers, len(pids))),
        worker_pids=pids,
        chunks=chunks,
        part_files=len(manifest.parts),
        start_method="step",
        digest=manifest.digest,
        input=begun.basis.input,
        function_fingerprint=manifest.function["fingerprint"],
        failed=manifest.failed,
        retried=sum(part.retried for part in manifest.parts) - begun.reused_retries,
        reused_chunks=begun.reused_chunks,
        reused_items=begun.reused_items,
    )


def _by_process(usages: Sequence[ProcessUsage]) -> dict[int, float]:
    """The last known CPU time of each process."""
    seconds: dict[int, float] = {}
    for usage in usages:
        seconds[usage.pid] = max(seconds.get(usage.pid, 0.0), usage.cpu_seconds)
    return seconds
