"""The strategies of the registry as contenders: run inside one process, cold and then warm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.measuring.determinism import Judge, another_run
from fanout_pipeline.measuring.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.trial_process import Runs, run_here
from fanout_pipeline.measuring.verification import self_check
from fanout_pipeline.results.read import Snapshot


@dataclass(frozen=True, slots=True)
class InProcess:
    """A strategy that starts its workers, runs, runs again with them, and stops them, in each trial.

    Without processes to start it runs once: its time is the same cold and warm.
    """

    strategy: Strategy
    spec: FanoutSpec
    """With its source's path made absolute."""
    folder: Path
    """Where the results of all contenders are written, a folder for each."""
    options: Options
    chunks: int | None = None
    warm_runs: int = 1
    runs: Runs = run_here
    """Where it is run: in a process that can be ended, or here."""
    judge: Judge | None = None
    """One for all contenders, so that the function is asked once; None: one for each check."""

    warms_up = True

    @property
    def name(self) -> str:
        return self.strategy.name

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        warm_runs = self.warm_runs if again else 0
        kept = self.strategy.starts_processes
        run = self.runs(
            self.strategy,
            self.spec,
            self.folder / self.name,
            self.options,
            chunks=self.chunks,
            warm_runs=warm_runs if kept else 0,
            limit_seconds=limit_seconds,
        )
        if kept:
            return run
        return replace(run, warm_seconds=(run.run_seconds + run.commit_seconds,) * warm_runs)

    def check(self, run: RunRecord) -> OrderCheck:
        judge = self.judge or Judge(self.spec)
        ours = Snapshot.of(self.folder / self.name)
        if self.name == REFERENCE:
            return judge.reference(self_check(self.spec, ours, run), ours)
        theirs = Snapshot.of(self.folder / REFERENCE)
        found = check_order(ours, theirs, self.spec.tolerance)
        # What is there is of the last run by these workers. The first, whose time counts, is known by
        # its digest, where there is one order only, and floats are the same to the last digit.
        if self.strategy.keeps_order and run.digest not in (
            ours.manifest.digest,
            theirs.manifest.digest,
        ):
            found = another_run(found, ours, self.spec.tolerance)
        return judge.judged(found, ours, theirs, self.strategy.keeps_order)
