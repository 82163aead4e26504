"""The failed items of a run with a key, by their places in the input as it is now."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

import pyarrow

from fanout_pipeline.engine.incremental.decision import Decision
from fanout_pipeline.engine.incremental.pools import Pool
from fanout_pipeline.engine.incremental.survey import Survey
from fanout_pipeline.results.store.failed_items import (
    GROUP_ROWS,
    KEYED_SCHEMA,
    listed,
    write_failures,
)
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.manifest import FAILURES, PartRecord

_Row = dict[str, Any]


def write_failed(
    generation: Generation,
    survey: Survey,
    decision: Decision,
    visible: Pool | None,
    parts: Sequence[PartRecord],
) -> None:
    """Write those of the items that the run has called, whose `parts` are these, and of those that stay failed.

    Raises CannotWrite.
    """
    if not len(decision.stay_failed) and not any(part.failed for part in parts):
        return
    called, stay = decision.called, dict(zip(decision.failed_at, decision.stay_failed, strict=True))
    new = (
        row | {"index": int(called[row["index"]])}
        for part in parts
        for batch in listed(generation, part)
        for row in batch.to_pylist()
    )
    before = (
        row
        | {"index": int(stay[row["index"]]), "where": survey.source.locate(int(stay[row["index"]]))}
        for row in ([] if visible is None or not stay else _listed_before(visible))
        if row["index"] in stay
    )
    # What stays failed may have moved: the order of before need not be that of now.
    both = heapq.merge(new, sorted(before, key=itemgetter("index")), key=itemgetter("index"))
    write_failures(generation, _batches(both, survey), KEYED_SCHEMA)


def _listed_before(visible: Pool) -> Iterator[_Row]:
    from pyarrow import parquet

    with visible.generation.open(FAILURES) as stored, parquet.ParquetFile(stored) as file:
        for batch in file.iter_batches(GROUP_ROWS, use_threads=False):
            yield from batch.to_pylist()


def _batches(rows: Iterator[_Row], survey: Survey) -> Iterator[pyarrow.RecordBatch]:
    waiting: list[_Row] = []
    for row in rows:
        waiting.append({"key": survey.keys.key[row["index"]].as_py()} | row)
        if len(waiting) == GROUP_ROWS:
            yield pyarrow.RecordBatch.from_pylist(waiting, KEYED_SCHEMA)
            waiting = []
    if waiting:
        yield pyarrow.RecordBatch.from_pylist(waiting, KEYED_SCHEMA)
