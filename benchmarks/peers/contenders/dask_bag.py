"""dask.bag: Dask's documentation, "Create Dask Bags" (let the bag read the file, in blocks) and
`Bag.to_dataframe`, `DataFrame.to_parquet`. The index is a cumulative sum, for partitions do not know
theirs; before it, "Best Practices": persist.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask.bag

from benchmarks.peers.contenders.dask_cluster import local_cluster, part_name
from benchmarks.peers.job import Job, Run


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with local_cluster(job):
        yield lambda folder: _run(job, folder)


def _run(job: Job, folder: Path) -> None:
    lines = dask.bag.read_text(str(job.input), blocksize=job.block_bytes)
    items = lines.map(str.removesuffix, "\n") if job.workload.text else lines.map(int)
    results = items.map(job.function).map(_record).to_dataframe(meta={"index": int, "result": int})
    # Kept in memory, or the function would be called once for the index and once for the file.
    results = results.persist()
    results["index"] = results["index"].cumsum() - 1
    results.to_parquet(folder, name_function=part_name, write_index=False)


def _record(result: int) -> dict[str, int]:
    return {"index": 1, "result": result}
