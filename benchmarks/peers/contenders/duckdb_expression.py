"""DuckDB: its documentation, "CSV Import" (read_csv), "Parquet Export" (COPY … TO) and "Order
Preservation". No Python function is called: the work is an expression.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks.peers.job import Job, Run

QUERY = """
COPY (
    SELECT row_number() OVER () - 1 AS index, {expression} AS result
    FROM read_csv('{input}', header = false, columns = {{'item': 'BIGINT'}})
) TO '{output}' (FORMAT parquet)
"""


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")

        def run(folder: Path) -> None:
            output = folder / "part-00000.parquet"
            connection.execute(
                QUERY.format(expression=job.workload.expression, input=job.input, output=output)
            )

        yield run
