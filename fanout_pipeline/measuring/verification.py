"""Are the results of a run right? By the reference's, where it has any of the same work; else by count.

Nothing is called for that, unless a share of the items to be called again is asked for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from fanout_pipeline.engine.model.options import FAIL, FailurePolicy, Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec, with_its_imports
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES, SUPERVISED
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.system.numeric import as_in_workers
from fanout_pipeline.measuring.determinism import Judge
from fanout_pipeline.measuring.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.quantities import duration
from fanout_pipeline.measuring.result_streams import blocks, compared
from fanout_pipeline.measuring.sampling import Pick, compare_sample
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import NoResults
from fanout_pipeline.sources.source import BadInput

_COUNTED = "the lines of its input, counted"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found, and against what."""

    check: OrderCheck
    against: str
    """A sentence's end: "squares/serial", "a serial run made for this check", …"""
    seconds: float
    """What checking took."""
    values: int = 0
    """How many results were compared with others of the same items."""
    sample_seed: int | None = None

    @property
    def asked(self) -> bool:
        """Whether results were to be compared with others, and not only counted."""
        return self.against != _COUNTED

    @property
    def compared(self) -> bool:
        """Whether they were: the calls that others were to come from may all have failed."""
        return self.asked and (self.values > 0 or not self.check.items)


@with_its_imports
def verify(
    spec: FanoutSpec,
    folder: Path,
    run: RunRecord,
    failures: FailurePolicy = FAIL,
    *,
    share: float = 0.0,
    judge: Judge | None = None,
    log: Callable[[str], object] = lambda line: None,
) -> Verification:
    """Check the results in `folder`, which `run` made from `spec`, against the reference beside it.

    If the reference was made from other bytes, by another function, or with another place for items
    that failed, or is not there, the results are counted, and a share of the items, if there is one, is
    called again: some in a worker process, or all in a serial run. `failures` is the policy of the run.
    `judge` says whether the function contradicts itself, where somebody knows already.

    Raises NoResults where either folder was replaced meanwhile or is damaged, and what the function
    raises.
    """
    began = time.perf_counter()
    # Of one moment each, or another run's results would be called wrong.
    ours = Snapshot.of(folder)
    if ours.manifest.digest != run.digest:
        raise NoResults(f"{folder} was replaced meanwhile: another run has materialized it since.")
    strategy = STRATEGIES.get(run.strategy)
    keeps_order = strategy is None or strategy.keeps_order
    theirs = None
    if run.strategy != REFERENCE:
        theirs = _of_same_work(folder.parent / REFERENCE, run, failures)
    judge = judge or Judge(spec, log)
    if theirs is not None:
        found = _compared(spec, ours, theirs, judge, keeps_order, f"{spec.name}/{REFERENCE}")
    elif share >= 1 and run.strategy != REFERENCE:
        found = _with_serial(spec, ours, run, failures, judge, keeps_order, log)
    elif share and keeps_order and ours.manifest.rows:
        found = _with_sample(spec, ours, run, share, judge, log)
    else:
        check = replace(self_check(spec, ours, run), order_proved=keeps_order)
        found = Verification(check, _COUNTED, 0.0)
    return replace(found, seconds=time.perf_counter() - began)


def _compared(
    spec: FanoutSpec,
    ours: Snapshot,
    theirs: Snapshot,
    judge: Judge,
    keeps_order: bool,
    against: str,
) -> Verification:
    check = check_order(ours, theirs, spec.tolerance)
    values = min(check.items, check.expected_items)
    return Verification(judge.judged(check, ours, theirs, keeps_order), against, 0.0, values)


def _with_serial(
    spec: FanoutSpec,
    ours: Snapshot,
    run: RunRecord,
    failures: FailurePolicy,
    judge: Judge,
    keeps_order: bool,
    log: Callable[[str], object],
) -> Verification:
    """Call the function once more on every item."""
    log(_cost(spec, ours, run.items, "one after the other"))
    strategy = STRATEGIES.get(run.strategy)
    in_workers = strategy is not None and strategy.starts_processes
    # In a generation of the results': whoever is killed here leaves it to their next run to remove.
    with ResultFolder(ours.folder).writing() as scratch:
        made = scratch / REFERENCE
        # An item that ends its process, or never returns, must not take this one with it.
        supervised = failures.quarantines or failures.item_timeout_seconds is not None
        serial = STRATEGIES[SUPERVISED if supervised else REFERENCE]
        with as_in_workers() if in_workers else nullcontext():
            options = Options(1, "none", failures=failures)
            record = run_strategy(
                serial, spec, made, options, log=lambda line: log(f"check: {line}")
            )
        if record.input.identity != run.input.identity:
            raise _changed(spec)
        worker = ", in a worker process," if supervised else ""
        told = f"a serial run{worker} made for this check"
        return _compared(spec, ours, Snapshot.of(made), judge, keeps_order, told)


def _with_sample(
    spec: FanoutSpec,
    ours: Snapshot,
    run: RunRecord,
    share: float,
    judge: Judge,
    log: Callable[[str], object],
) -> Verification:
    """Call the function once more on some items, spread over the input."""
    pick = Pick(run.items, share, random.SystemRandom().randrange(2**32))
    log(_cost(spec, ours, pick.count, f"chosen with seed {pick.seed}"))
    counted = self_check(spec, ours, run)
    found = compare_sample(spec, ours, pick, log)
    told = f"{found.compared:,} of {run.items:,} items called again, chosen with seed {pick.seed}"
    if found.failed:
        told += f"; {found.failed:,} more failed this time"
    if found.given_up:
        told += "; the next ended its process or took too long, and the rest was not called"
    check = replace(
        counted,
        wrong=found.wrong,
        foreign=tuple(found.foreign),
        inexact=found.inexact,
        largest_difference=found.largest_difference,
    )
    if found.wrong:
        first = found.foreign[0]
        check = replace(
            check,
            first_divergent_index=first.index,
            expected_there=found.expected,
            found_there=first.value,
        )
        judge.ask([one.index for one in found.foreign], ours, None)
        check = judge.without_values(check, keeps_order=True)
    return Verification(check, told, 0.0, found.compared, pick.seed)


def _cost(spec: FanoutSpec, ours: Snapshot, calls: int, how: str) -> str:
    """What a check will call, and how long that will take, before it does."""
    manifest = ours.manifest
    before = sum(part.call_seconds for part in manifest.parts) / max(1, manifest.items)
    why = f"{spec.name}/{REFERENCE} has no results of this input and function to check against. "
    return (
        f"{'' if manifest.strategy == REFERENCE else why}As `verify` says, calls the function again on "
        f"{calls:,} of {manifest.items:,} items, {how}: about {duration(calls * before)}, by what the "
        "calls took before."
    )


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
        manifest.source.get("sha256") == run.input.identity
        and manifest.function.get("fingerprint") == run.function_fingerprint
    )
    return snapshot if same else None


def _require_same_input(spec: FanoutSpec, run: RunRecord) -> None:
    if spec.source.version().size != run.input.size:
        raise _changed(spec)


def _changed(spec: FanoutSpec) -> BadInput:
    return BadInput(
        f"{spec.source} has changed since the run has read it: what is there now says nothing of "
        "these results. Materialize the asset again."
    )


def self_check(spec: FanoutSpec, folder: Path | Snapshot, run: RunRecord) -> OrderCheck:
    """Without another to compare with: its indexes and its digest are read back (`blocks`
    raises where they are not as recorded), and its items counted against the lines of its input.
    """
    _require_same_input(spec, run)
    (side,) = compared(folder)
    manifest = side.snapshot.manifest
    items = manifest.items - manifest.rows + sum(len(block.hashes) for block in blocks(side))
    expected = sum(len(spec.source.read(chunk)) for chunk in spec.source.chunks(run.chunks))
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
