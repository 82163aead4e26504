"""Ray Data: Ray's documentation, "Working with Text" (read_text), "Transforming Data" (map_batches, and
preserve_order for the order of rows) and `Dataset.repartition`.

Rows do not know their number, so the driver writes them as they come, in order. For work that waits,
tasks with a quarter of a core each were slower still (7 s, not 4 s): each is one more process.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import ray
import ray.data

from benchmarks.peers.contenders.ray_cluster import local_cluster
from benchmarks.peers.job import Job, Run, write_results


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with local_cluster(job):
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        yield lambda folder: _run(job, folder)


def _run(job: Job, folder: Path) -> None:
    # Not override_num_blocks: the map is fused with the read of the one file, and runs on one core.
    lines = ray.data.read_text(str(job.input)).repartition(job.blocks)
    call = _Call(job.function, job.workload.text).__call__
    results = lines.map_batches(call, batch_size=job.batch_items, batch_format="numpy")
    found = [batch["result"] for batch in results.iter_batches(batch_format="numpy")]
    write_results(folder, numpy.concatenate(found))


class _Call:
    def __init__(self, function: Callable[[Any], int], text: bool):
        self._function, self._text = function, text

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        lines = batch["text"].tolist()
        items = lines if self._text else map(int, lines)
        return {"result": numpy.array([self._function(item) for item in items], numpy.int64)}
