"""What a step yields once its results are visible: no error may fail it any more, or it would not be told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.checks import check_results, failures_result, unchecked_results
from fanout_pipeline.defs.metadata import run_metadata, strategy_metadata, warn_of_failures
from fanout_pipeline.defs.resources import Fanout
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.results.files.printable import visible

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord


def checked_and_recorded(
    log: Any,
    key: dg.AssetKey,
    spec: FanoutSpec,
    folder: Path,
    run: RunRecord,
    failures: FailurePolicy,
    *,
    keeps_order: bool,
    overlapped_with: list[str],
    fanout: Fanout,
) -> Iterator[Any]:
    """Check the results that `run` has made visible in `folder`; yield the materialization and checks.

    Where they cannot be checked, the checks have failed, and say so.
    """
    from fanout_pipeline.measuring.verification import verify

    warn_of_failures(log, run, folder)
    is_reference = run.strategy == REFERENCE
    began = time.perf_counter()
    try:
        verification = verify(spec, folder, run, failures, share=fanout.verify, log=log.info)
        metadata = strategy_metadata(run, verification, folder, overlapped_with)
        checks = [] if is_reference else list(check_results(key, verification, keeps_order))
        checks.append(failures_result(key, run, fanout.failed_share))
    except Exception as error:
        first_line = visible(str(error).partition("\n")[0])
        told = (
            "The results are visible; they could not be checked: "
            f"{type(error).__name__}: {first_line}"
        )
        log.exception(told)
        seconds = time.perf_counter() - began
        metadata = run_metadata(run, folder, overlapped_with)
        metadata |= {"unchecked": told, "check_seconds": seconds}
        checks = list(unchecked_results(key, told, is_reference))
        if not is_reference:
            checks.append(failures_result(key, run, fanout.failed_share))
    yield dg.MaterializeResult(
        asset_key=key, metadata=metadata, data_version=dg.DataVersion(run.digest)
    )
    yield from checks
