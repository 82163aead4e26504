"""What a fan-out's asset records of a run: a few facts that people look for, and the rest as one JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.guest.shown import (
    ROWS,
    columns,
    failed_table,
    preview,
    rounded,
)

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord
    from fanout_pipeline.measuring.correctness.verification import Verification

_IN_JSON = [
    "start_seconds",
    "run_seconds",
    "stop_seconds",
    "commit_seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "workers",
    "worker_pids",
    "chunks",
    "part_files",
    "reused_chunks",
    "start_method",
    "digest",
    "function_fingerprint",
    "phases",
]


@dataclass(frozen=True, slots=True)
class Done:
    """A run whose results have become visible: from now on no error may fail the step."""

    partition: str | None
    """The partition whose results they are."""
    folder: Path
    """Where they are."""
    run: RunRecord
    """How the run went."""
    verification: Verification | None
    """What a check of the results has found; None where they could not be checked."""
    unchecked: str = ""
    """Why not."""
    preview: bool = True
    """Whether the first results may be shown."""


def metadata_of(done: Done, root: Path, log: dg.DagsterLogManager) -> dict[str, Any]:
    """Metadata of one materialization. `root`: the data root.

    There is less of it where the results cannot be read back, because another run has replaced them.
    """
    try:
        return _metadata_of(done, root)
    except Exception:
        log.exception("The results are visible, but what is recorded of them could not be read")
        return {"items": done.run.items, "failed": done.run.failed, "strategy": done.run.strategy}


def _metadata_of(done: Done, root: Path) -> dict[str, Any]:
    from fanout_pipeline.results.failures import first_failures
    from fanout_pipeline.results.read import Snapshot

    run, manifest = done.run, Snapshot.of(done.folder).manifest
    rows = "dagster/row_count" if done.partition is None else "dagster/partition_row_count"
    found: dict[str, Any] = {rows: manifest.rows, "items": run.items, "failed": run.failed}
    if run.changes is not None:
        found |= {
            "what_changed": run.changes.sentence,
            "called": run.changes.called,
            "changes": dg.MetadataValue.json(run.changes.as_dict()),
        }
    if run.failed:
        found["first_failures"] = failed_table(first_failures(done.folder, ROWS), root)
    if done.unchecked:
        found["unchecked"] = done.unchecked
    found |= {
        "seconds": round(run.wall_seconds, 3),
        "items_per_second": round(run.items_per_second, 1),
        "reused": run.reused_items,
        "retried": run.retried,
        "strategy": run.strategy,
    }
    if run.why:
        found["why"] = run.why
    if done.preview:
        found["preview"] = preview(done.folder)
    record = {name: rounded(getattr(run, name)) for name in _IN_JSON}
    return found | {
        "folder": dg.MetadataValue.path(str(done.folder)),
        "dagster/uri": done.folder.as_uri(),
        "dagster/column_schema": columns(manifest),
        "run": dg.MetadataValue.json(record | {"input": run.input.identity[:16]}),
    }
