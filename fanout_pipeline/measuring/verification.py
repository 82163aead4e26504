"""Are the results of a run those of the reference? Where that is not there, it is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fanout_pipeline.fanout.contract import FanoutSpec, Options
from fanout_pipeline.fanout.policy import FAIL, FailurePolicy
from fanout_pipeline.fanout.registry import REFERENCE, STRATEGIES, SUPERVISED
from fanout_pipeline.fanout.run import run_strategy
from fanout_pipeline.fanout.run_record import RunRecord
from fanout_pipeline.measuring.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.result_streams import blocks, compared
from fanout_pipeline.parts.atomic import scratch_folder
from fanout_pipeline.parts.manifest import NoResults
from fanout_pipeline.parts.reading import Snapshot

_COUNTED = "the lines of its input, counted"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found, and against what."""

    check: OrderCheck
    against: str
    """A sentence's end: "squares/serial", "a serial run made for this check", …"""
    seconds: float
    """What checking took."""

    @property
    def compared(self) -> bool:
        """With results of the reference; otherwise the results were only counted."""
        return self.against != _COUNTED


def verify(
    spec: FanoutSpec,
    folder: Path,
    run: RunRecord,
    failures: FailurePolicy = FAIL,
    *,
    make_reference: bool = True,
    log: Callable[[str], object] = lambda line: None,
) -> Verification:
    """Check the results in `folder`, which `run` made from `spec`, against the reference beside it.

    If the reference was made from other bytes, by another function, or with another place for items
    that failed, or is not there, the function is called once more on every item, one after the
    other, to have it; without `make_reference` the results are counted only. `failures` is the policy
    of the run.

    Raises NoResults where either folder was replaced meanwhile or is damaged, and what the function
    raises.
    """
    began = time.perf_counter()
    check, against = _check(spec, folder, run, failures, make_reference, log)
    return Verification(check, against, time.perf_counter() - began)


def _check(
    spec: FanoutSpec,
    folder: Path,
    run: RunRecord,
    failures: FailurePolicy,
    make_reference: bool,
    log: Callable[[str], object],
) -> tuple[OrderCheck, str]:
    # Of one moment each, or another run's results would be called wrong.
    ours = Snapshot.of(folder)
    if ours.manifest.digest != run.digest:
        raise NoResults(f"{folder} was replaced meanwhile: another run has materialized it since.")
    if run.strategy == REFERENCE:
        return self_check(spec, ours, run), _COUNTED
    theirs = _of_same_work(folder.parent / REFERENCE, run, failures)
    if theirs is not None:
        return check_order(ours, theirs), f"{spec.name}/{REFERENCE}"
    if not make_reference:
        return self_check(spec, ours, run), _COUNTED
    log(
        f"{spec.name}/{REFERENCE} has no results of this input and function to check against: calls the "
        f"function once more on {run.items:,} items, one after the other (fanout: {{reference: if_there}} "
        "does not)"
    )
    with scratch_folder(folder.parent, ".reference-") as scratch:
        made = scratch / REFERENCE
        # An item that ends its process, or never returns, must not take this one with it.
        supervised = failures.quarantines or failures.item_timeout_seconds is not None
        strategy = STRATEGIES[SUPERVISED if supervised else REFERENCE]
        run_strategy(strategy, spec, made, Options(1, "none", failures=failures))
        worker = ", in a worker process," if supervised else ""
        return check_order(ours, made), f"a serial run{worker} made for this check"


def _of_same_work(reference: Path, run: RunRecord, failures: FailurePolicy) -> Snapshot | None:
    try:
        snapshot = Snapshot.of(reference)
    except NoResults:
        return None
    manifest = snapshot.manifest
    omits = manifest.rows < manifest.items
    if manifest.failed and (not failures.quarantines or omits != failures.omits):
        return None
    same = (
        manifest.source.get("sha256") == run.input.sha256
        and manifest.function.get("fingerprint") == run.function_fingerprint
    )
    return snapshot if same else None


def self_check(spec: FanoutSpec, folder: Path | Snapshot, run: RunRecord) -> OrderCheck:
    """Without another to compare with: its indexes and its digest are read back (`blocks`
    raises where they are not as recorded), and its items counted against the lines of its input.
    """
    (side,) = compared(folder)
    manifest = side.snapshot.manifest
    items = manifest.items - manifest.rows + sum(len(block.hashes) for block in blocks(side))
    cuts = spec.source.cut(run.chunks)
    expected = sum(spec.source.count(spec.source.load(chunk)) for chunk in cuts)
    return OrderCheck(
        items=items,
        expected_items=expected,
        out_of_place=0,
        missing=max(0, expected - items),
        duplicated=max(0, items - expected),
        wrong=0,
        first_divergent_index=None,
        expected_there="",
        found_there="",
    )
