"""Are the results of a run right? Decided by the reference's results of the same work, else by count.

The function is called again only where the user asks for a share of the items to be called again.
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
from fanout_pipeline.engine.registry import CLUSTERS, REFERENCE, STRATEGIES, SUPERVISED
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.system.blas_threads import as_in_workers
from fanout_pipeline.measuring.correctness.determinism import DeterminismTest
from fanout_pipeline.measuring.correctness.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.correctness.result_streams import sides
from fanout_pipeline.measuring.correctness.sampling import Pick, compare_sample
from fanout_pipeline.measuring.formatting import duration
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import NoResults
from fanout_pipeline.sources.source import BadInput

_COUNTED = "the items of its input, counted"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found, and against what."""

    check: OrderCheck
    against: str
    """The end of a sentence: "squares/serial", "a serial run made for this check", …"""
    seconds: float = 0.0
    """How long checking took."""
    values: int = 0
    """How many results were compared with others of the same items."""
    sample_seed: int | None = None
    """The seed by which items were picked to be called again."""

    @property
    def asked(self) -> bool:
        """Whether results were to be compared with others, and not only counted."""
        return self.against != _COUNTED

    @property
    def compared(self) -> bool:
        """Whether any were: the calls that others were to come from may all have failed."""
        return self.asked and (self.values > 0 or not self.check.items)


@with_its_imports
def verify(
    spec: FanoutSpec,
    folder: Path,
    run: RunRecord,
    failures: FailurePolicy = FAIL,
    *,
    share: float = 0.0,
    determinism: DeterminismTest | None = None,
    log: Callable[[str], object] = lambda line: None,
) -> Verification:
    """Check the results in `folder`, which `run` made from `spec`, against the reference beside it.

    Where the reference is missing, or was made from other bytes, by another function, or with failed
    items in other places, the results are counted. If a share of the items is given, it is called
    again: some in a worker process, or all in a serial run, but those of removed items and of doubled keys.
    `failures` is the policy of the run.
    `determinism` is shared by checks of the same function.

    Raises NoResults where either folder was replaced meanwhile or is damaged, and what the function
    raises.
    """
    began = time.perf_counter()
    # Each folder as of one moment, or another run's results would be called wrong.
    ours = Snapshot.of(folder)
    if ours.manifest.digest != run.digest:
        raise NoResults(f"{folder} was replaced meanwhile: another run has materialized it since.")
    checked = _Checked(spec, ours, run, failures, determinism or DeterminismTest(spec, log), log)
    is_reference = run.strategy == REFERENCE
    reference = None if is_reference else checked.reference_of_same_work()
    if reference is not None:
        found = checked.against(reference, f"{spec.name}/{REFERENCE}")
    elif share >= 1 and not is_reference and checked.has_all_items:
        found = checked.against_serial_run()
    elif share and checked.keeps_order and ours.manifest.rows:
        found = checked.against_sample(share)
    else:
        check = replace(self_check(spec, ours, run), order_proved=checked.keeps_order)
        found = Verification(check, _COUNTED)
    contradiction = found.check.contradiction
    if contradiction is not None and not failures.record_items:
        contradiction = replace(contradiction, item="an item")
        found = replace(found, check=replace(found.check, contradiction=contradiction))
    return replace(found, seconds=time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class _Checked:
    """The results of a run, and the ways to check them."""

    spec: FanoutSpec
    ours: Snapshot
    run: RunRecord
    failures: FailurePolicy
    determinism: DeterminismTest
    log: Callable[[str], object]

    @property
    def keeps_order(self) -> bool:
        strategy = (STRATEGIES | CLUSTERS).get(self.run.strategy)
        return strategy is None or strategy.keeps_order

    @property
    def has_all_items(self) -> bool:
        """Whether a run without a key would give the same rows."""
        return self.spec.duplicates == "error" and not _kept_removed(self.ours)

    def reference_of_same_work(self) -> Snapshot | None:
        """The reference's results, if they are of the same input and function."""
        if not self.has_all_items:
            return None
        try:
            snapshot = Snapshot.of(self.ours.folder.parent / REFERENCE)
        except NoResults:
            return None
        manifest = snapshot.manifest
        omits = manifest.rows < manifest.items
        policy = self.failures
        if manifest.failed and (not policy.quarantines or omits != policy.omits):
            return None
        same = (
            manifest.source.get("sha256") == self.run.input.identity
            and manifest.function.get("fingerprint") == self.run.function_fingerprint
        )
        return snapshot if same else None

    def against(self, reference: Snapshot, name: str) -> Verification:
        """Compare with other results of the same items."""
        check = check_order(self.ours, reference, self.spec.tolerance)
        values = min(check.items, check.expected_items)
        judged = self.determinism.judge(check, self.ours, reference, self.keeps_order)
        return Verification(judged, name, values=values)

    def against_serial_run(self) -> Verification:
        """Call the function once more on every item."""
        self._log_cost(self.run.items, "one after the other")
        strategy = (STRATEGIES | CLUSTERS).get(self.run.strategy)
        in_workers = strategy is not None and strategy.starts_processes
        # Within a generation of the results, so that their next run removes it if this one is killed.
        with ResultFolder(self.ours.folder).scratch() as scratch:
            made = scratch / REFERENCE
            # An item that ends its process, or never returns, must not take this one with it.
            supervised = self.failures.quarantines or self.failures.item_timeout_seconds is not None
            with as_in_workers() if in_workers else nullcontext():
                record = run_strategy(
                    STRATEGIES[SUPERVISED if supervised else REFERENCE],
                    self.spec,
                    made,
                    Options(workers=1, **self.failures.settings()),
                    log=lambda line: self.log(f"check: {line}"),
                )
            if record.input.identity != self.run.input.identity:
                raise _changed(self.spec)
            where = ", in a worker process," if supervised else ""
            return self.against(Snapshot.of(made), f"a serial run{where} made for this check")

    def against_sample(self, share: float) -> Verification:
        """Call the function once more on some items, spread over the input."""
        items = self.run.items - _kept_removed(self.ours)
        pick = Pick(items, share, random.SystemRandom().randrange(2**32))
        self._log_cost(pick.count, f"chosen with seed {pick.seed}")
        counted = self_check(self.spec, self.ours, self.run)
        found = compare_sample(self.spec, self.ours, pick, self.log)
        against = (
            f"{found.compared:,} of {items:,} items called again, chosen with seed {pick.seed}"
        )
        if found.failed:
            against += f"; {found.failed:,} more failed this time"
        if found.given_up:
            against += "; the next call crashed its process or timed out, so the remaining items were skipped"
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
            check = self.determinism.judge(check, self.ours, None, keeps_order=True)
        return Verification(check, against, values=found.compared, sample_seed=pick.seed)

    def _log_cost(self, calls: int, how: str) -> None:
        """Say what a check will call, and about how long that takes, before it does."""
        manifest = self.ours.manifest
        before = sum(part.call_seconds for part in manifest.parts) / max(1, manifest.items)
        name = f"{self.spec.name}/{REFERENCE}"
        why = f"{name} has no results of this input and function to check against. "
        self.log(
            f"{'' if manifest.strategy == REFERENCE else why}`verify` is set: calling the function "
            f"again on {calls:,} of {manifest.items:,} items, {how} (about "
            f"{duration(calls * before)} at the speed so far)."
        )


def self_check(spec: FanoutSpec, folder: Path | Snapshot, run: RunRecord) -> OrderCheck:
    """Check results with nothing to compare them with.

    Their indexes and digest are read back (`Side.blocks` raises where they are not as recorded), and
    they are counted against the items of the input.
    """
    if spec.source.version().size != run.input.size:
        raise _changed(spec)
    (side,) = sides(folder)
    manifest = side.snapshot.manifest
    items = manifest.items - manifest.rows + sum(len(block.hashes) for block in side.blocks())
    expected = run.input.items
    if expected is None:
        expected = sum(len(spec.source.read(chunk)) for chunk in spec.source.chunks(run.chunks))
    expected += _kept_removed(side.snapshot)
    return OrderCheck(
        items, expected, missing=max(0, expected - items), duplicated=max(0, items - expected)
    )


def _kept_removed(results: Snapshot) -> int:
    """How many results there are, after all others, of items that the input no longer has."""
    count: int = results.manifest.source.get("kept_removed", 0)
    return count


def _changed(spec: FanoutSpec) -> BadInput:
    return BadInput(
        f"{spec.source} has changed since the run read it, so these results can no longer be checked "
        "against it. Materialize the asset again."
    )
