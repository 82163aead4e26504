"""What a strategy's asset records of its run and of the check of its results."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord
    from fanout_pipeline.measuring.correctness.verification import Verification

_EXACT_IN_BROWSERS = 2**53
_SHOWN_FAILURES = 10
_MAX_CHARACTERS = 1000
"""Longest result that is shown whole."""


def strategy_metadata(
    run: RunRecord,
    verification: Verification,
    folder: Path,
    overlapped_with: list[str],
    *,
    preview: bool = True,
) -> dict[str, Any]:
    """Metadata of every strategy's asset, with the first results unless there is to be no `preview`.

    Others rely on its keys (README).
    """
    from fanout_pipeline.results.read import first_results

    check = verification.check
    metadata = run_metadata(run, folder, overlapped_with) | {
        "check_seconds": verification.seconds,
        "dagster/column_schema": _columns(folder),
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
    if preview:
        first = [_exact(one) for one in first_results(folder, 10)]
        metadata["first_10_results"] = dg.MetadataValue.json(first)
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
    """The part of a strategy's metadata that is known without reading its results."""
    choice = {"choice": run.why} if run.why else {}
    return choice | {
        "wall_seconds": run.wall_seconds,
        "start_seconds": run.start_seconds,
        "run_seconds": run.run_seconds,
        "stop_seconds": run.stop_seconds,
        "commit_seconds": run.commit_seconds,
        "cpu_seconds": run.cpu_seconds,
        "peak_rss_bytes": run.peak_rss_bytes,
        "items": run.items,
        "failed": run.failed,
        "retried": run.retried,
        "items_per_second": run.items_per_second,
        "workers": run.workers,
        "worker_pids": dg.MetadataValue.json(list(run.worker_pids)),
        "chunks": run.chunks,
        "part_files": run.part_files,
        "reused_chunks": run.reused_chunks,
        "reused_items": run.reused_items,
        "start_method": run.start_method,
        "digest": run.digest,
        "input_sha256": run.input.identity,
        "function_fingerprint": run.function_fingerprint,
        "overlapped_with": dg.MetadataValue.json(overlapped_with),
        "folder": dg.MetadataValue.path(str(folder.absolute())),
    }


def _columns(folder: Path) -> dg.TableSchema:
    """The columns of the results, as the UI shows them. Their types are Arrow's."""
    from fanout_pipeline.results.files.printable import printable
    from fanout_pipeline.results.read import Snapshot
    from fanout_pipeline.results.store.part_file import schema_of

    return dg.TableSchema(
        [
            dg.TableColumn(printable(field.name, 100), printable(str(field.type), _MAX_CHARACTERS))
            for field in schema_of(Snapshot.of(folder).manifest.columns)
        ]
    )


def warn_of_failures(log: dg.DagsterLogManager, run: RunRecord, folder: Path) -> None:
    """Log a warning that names the list of failed items, if there are any."""
    from fanout_pipeline.results.store.manifest import FAILURES

    if run.failed:
        file = (folder / FAILURES).absolute()
        log.warning(f"{run.failed:,} of {run.items:,} items failed: see {file}")


def _exact(result: Any) -> Any:
    """The result as a JSON value that a browser shows exactly: it would read a larger integer as a float.

    A text is kept, because JSON escapes it and the UI shows it as text, unless it is very long.
    """
    from fanout_pipeline.reporting.escape import plain

    if isinstance(result, (bool, float)) or result is None:
        return result
    if isinstance(result, int):
        return result if abs(result) <= _EXACT_IN_BROWSERS else plain(result, None)
    text = str(result)
    if len(text) <= _MAX_CHARACTERS and isinstance(result, dict):
        return {key: _exact(value) for key, value in result.items()}
    if len(text) <= _MAX_CHARACTERS and isinstance(result, list):
        return [_exact(value) for value in result]
    return text if len(text) <= _MAX_CHARACTERS else plain(text, _MAX_CHARACTERS)
