"""polars: its user guide, "Lazy API", "CSV" (scan_csv) and "Sources and sinks" (sink_parquet). No Python
function is called: the work is an expression.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars

from benchmarks.peers.job import Job, Run


@contextmanager
def start(job: Job) -> Iterator[Run]:
    def run(folder: Path) -> None:
        numbers = polars.scan_csv(
            job.input, has_header=False, schema={"item": polars.Int64}, row_index_name="index"
        )
        result = polars.sql_expr(f"{job.workload.expression} AS result")
        numbers.select("index", result).sink_parquet(folder / "part-00000.parquet")

    yield run
