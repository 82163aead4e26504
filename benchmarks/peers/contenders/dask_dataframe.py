"""dask.dataframe: Dask's documentation, "Load and Save Data" (read_csv in blocks, to_parquet) and
`Series.map`. The index is a cumulative sum, for partitions do not know theirs; before it, "Best
Practices": persist.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask.dataframe

from benchmarks.peers.contenders.dask_cluster import local_cluster, part_name
from benchmarks.peers.job import Job, Run


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with local_cluster(job):
        yield lambda folder: _run(job, folder)


def _run(job: Job, folder: Path) -> None:
    text = job.workload.text
    frame = dask.dataframe.read_csv(
        str(job.input),
        blocksize=job.block_bytes,
        header=None,
        names=["item"],
        dtype={"item": "str" if text else "int64"},
        # A line of text is one field, whatever is in it.
        **({"sep": "\x01", "quoting": csv.QUOTE_NONE, "sample": 1_000_000} if text else {}),
    )
    results = frame.assign(index=1, result=frame["item"].map(job.function, meta=("item", "int64")))
    # Kept in memory, or the function would be called once for the index and once for the file.
    results = results[["index", "result"]].persist()
    results["index"] = results["index"].cumsum() - 1
    results.to_parquet(folder, name_function=part_name, write_index=False)
