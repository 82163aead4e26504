"""Records as materialization metadata, and metadata as plain values again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord
    from fanout_pipeline.measuring.verification import Verification

_EXACT_IN_BROWSERS = 2**53
_SHOWN_FAILURES = 10
_SHOWN = 1000
"""Characters of a result, at most."""


def strategy_metadata(
    run: RunRecord, verification: Verification, folder: Path, overlapped_with: list[str]
) -> dict[str, Any]:
    """What every strategy asset records; the names are relied upon by others (README)."""
    from fanout_pipeline.results.read import first_results

    check = verification.check
    metadata = run_metadata(run, folder, overlapped_with) | {
        "check_seconds": verification.seconds,
        "first_10_results": dg.MetadataValue.json([_exact(r) for r in first_results(folder, 10)]),
        "in_order": dg.MetadataValue.bool(check.in_order),
        "out_of_place": check.out_of_place,
        "missing": check.missing,
        "duplicated": check.duplicated,
        "wrong": check.wrong,
        "inexact": check.inexact,
        "largest_relative_difference": float(check.largest_difference),
        "checked_against": verification.against,
        "compared": verification.values,
    }
    if verification.sample_seed is not None:
        metadata["sample_seed"] = verification.sample_seed
    if check.contradiction is not None:
        metadata["contradiction"] = dg.MetadataValue.json(asdict(check.contradiction))
    if run.failed:
        from fanout_pipeline.reporting.tables import failures_table
        from fanout_pipeline.results.failures import first_failures

        table = failures_table(first_failures(folder, _SHOWN_FAILURES))
        metadata["first_failures"] = dg.MetadataValue.md(table)
    return metadata


def run_metadata(run: RunRecord, folder: Path, overlapped_with: list[str]) -> dict[str, Any]:
    """That of it which is known without reading the results."""
    return {
        "wall_seconds": run.wall_seconds,
        "start_seconds": run.start_seconds,
        "run_seconds": run.run_seconds,
        "stop_seconds": run.stop_seconds,
        "commit_seconds": run.commit_seconds,
        "cpu_seconds": run.cpu_seconds,
        "peak_rss_bytes": run.peak_rss_bytes,
        "items": run.items,
        "failed": run.failed,
        "items_per_second": run.items_per_second,
        "workers": run.workers,
        "worker_pids": dg.MetadataValue.json(list(run.worker_pids)),
        "chunks": run.chunks,
        "reused_chunks": run.reused_chunks,
        "reused_items": run.reused_items,
        "start_method": run.start_method,
        "digest": run.digest,
        "input_sha256": run.input.identity,
        "function_fingerprint": run.function_fingerprint,
        "overlapped_with": dg.MetadataValue.json(overlapped_with),
        "folder": dg.MetadataValue.path(str(folder.absolute())),
    }


def warn_of_failures(log: Any, run: RunRecord, folder: Path) -> None:
    """Say where the items that failed are, if there are any."""
    if run.failed:
        file = (folder / "failures.parquet").absolute()
        log.warning(f"{run.failed:,} of {run.items:,} items failed: see {file}")


def plain_values(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    """Recorded metadata without its wrapping."""
    return {name: value.value for name, value in metadata.items()}


def _exact(result: Any) -> Any:
    """A JSON value that a browser shows as it is: it reads larger integers as floats.

    Texts as they are, for JSON escapes them and the UI shows them as text, but not megabytes of one.
    """
    from fanout_pipeline.reporting.escape import plain

    if isinstance(result, (bool, float)) or result is None:
        return result
    if isinstance(result, int):
        return result if abs(result) <= _EXACT_IN_BROWSERS else plain(result, None)
    text = str(result)
    return text if len(text) <= _SHOWN else plain(text, _SHOWN)
