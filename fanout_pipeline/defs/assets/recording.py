"""What a step records once its results are visible.

From then on no error may fail the step: the results would be there, and Dagster would not know of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.assets.checks import check_results, failures_result, unchecked_results
from fanout_pipeline.defs.assets.metadata import run_metadata, strategy_metadata, warn_of_failures
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.results.files.printable import printable

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A strategy's run whose results have become visible."""

    key: dg.AssetKey
    """Key of the asset that the results are of."""
    spec: FanoutSpec
    """The fan-out, with its source under the data root."""
    folder: Path
    """Folder of the results."""
    record: RunRecord
    """Times and counts of the run."""
    failures: FailurePolicy
    """How the run has treated failed items."""
    keeps_order: bool
    """Whether the strategy promises results in the order of the items."""
    overlapped_with: list[str]
    """Names of the steps that worked at the same time."""


def checked_and_recorded(
    finished: FinishedRun, fanout: Fanout, log: dg.DagsterLogManager
) -> Iterator[Any]:
    """Check the results; yield the materialization and the checks.

    Where the results cannot be checked, the checks fail and say why.
    """
    from fanout_pipeline.measuring.correctness.verification import verify

    key, folder, run = finished.key, finished.folder, finished.record
    warn_of_failures(log, run, folder)
    is_reference = run.strategy == REFERENCE
    began = time.perf_counter()
    try:
        verification = verify(
            finished.spec, folder, run, finished.failures, share=fanout.verify, log=log.info
        )
        preview = finished.failures.record_items
        metadata = strategy_metadata(
            run, verification, folder, finished.overlapped_with, preview=preview
        )
        checks = (
            [] if is_reference else list(check_results(key, verification, finished.keeps_order))
        )
        checks.append(failures_result(key, run, fanout.failed_share))
    except Exception as error:
        first_line = printable(str(error).partition("\n")[0])
        reason = (
            "The results are visible, but could not be checked: "
            f"{type(error).__name__}: {first_line}"
        )
        log.exception(reason)
        seconds = time.perf_counter() - began
        metadata = run_metadata(run, folder, finished.overlapped_with)
        metadata |= {"unchecked": reason, "check_seconds": seconds}
        checks = list(unchecked_results(key, reason, is_reference))
        if not is_reference:
            checks.append(failures_result(key, run, fanout.failed_share))
    yield dg.MaterializeResult(
        asset_key=key, metadata=metadata, data_version=dg.DataVersion(run.digest)
    )
    yield from checks
