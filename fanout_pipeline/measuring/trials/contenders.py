"""The strategies of the registry as contenders: run cold, and then once more with the same workers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.measuring.correctness.determinism import DeterminismTest, differing_run
from fanout_pipeline.measuring.correctness.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.correctness.verification import self_check
from fanout_pipeline.measuring.trials.process import Runner, RunRequest
from fanout_pipeline.results.read import Snapshot


@dataclass(frozen=True, slots=True)
class StrategyContender:
    """A strategy that in each trial starts its workers, runs, runs again with them, and stops them.

    Without processes to start it runs once: its time is the same cold and warm.
    """

    strategy: Strategy
    spec: FanoutSpec
    """The fan-out, with its source's path made absolute."""
    folder: Path
    """Where the results of all contenders are written, in a folder each."""
    options: Options
    warm_runs: int = 1
    runner: Runner = field(default_factory=Runner)
    determinism: DeterminismTest | None = None
    """Shared by all contenders, so that the function is tested once; None: one for each check."""

    warms_up = True

    @property
    def name(self) -> str:
        return self.strategy.name

    @property
    def remark(self) -> str:
        return self.runner.remark(self.spec)

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        warm_runs = self.warm_runs if again else 0
        request = RunRequest(
            self.strategy,
            self.spec,
            self.folder / self.name,
            self.options,
            warm_runs if self.strategy.starts_processes else 0,
        )
        run = self.runner.run(request, limit_seconds)
        if self.strategy.starts_processes:
            return run
        return replace(run, warm_seconds=(run.run_seconds + run.commit_seconds,) * warm_runs)

    def check(self, run: RunRecord) -> OrderCheck:
        determinism = self.determinism or DeterminismTest(self.spec)
        ours = Snapshot.of(self.folder / self.name)
        if self.name == REFERENCE:
            return determinism.judge_reference(self_check(self.spec, ours, run), ours)
        theirs = Snapshot.of(self.folder / REFERENCE)
        found = check_order(ours, theirs, self.spec.tolerance)
        # The results on disk are of the last run by these workers. The first, whose time counts, is
        # checked by its digest, where there is only one order and floats are the same to the last digit.
        digests = (ours.manifest.digest, theirs.manifest.digest)
        if self.strategy.keeps_order and run.digest not in digests:
            found = differing_run(found, ours, self.spec.tolerance)
        return determinism.judge(found, ours, theirs, self.strategy.keeps_order)
