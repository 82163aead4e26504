"""Every workload in turn: its input written, its contenders run in shuffled rounds, the trials summed up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers.contenders import CONTENDERS, REFERENCE, Contender
from benchmarks.peers.trial_process import PeerTrial, Shared
from benchmarks.workloads.catalogue import Workload, workloads
from fanout_pipeline.engine.functions.fingerprint import function_fingerprint, function_name
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.measuring.break_even.added_cost import calibrate
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.trials.machine import machine_record
from fanout_pipeline.measuring.trials.rounds import run_trials
from fanout_pipeline.measuring.trials.store import TrialRun
from fanout_pipeline.measuring.trials.trial import Trial, TrialOptions

QUICK = ("dear", "cheap", "text", "waits in threads")
"""What `--quick` runs unless told otherwise: a whole round of each fits in its time. Clusters start for the first."""
_QUICK_PART = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    seconds: float = 2400.0
    """In all, each workload its share; a trial that would end later is not begun."""
    rounds: int = 30
    """At most, of each workload."""
    quick: bool = False
    """Small inputs."""
    seed: int = 0
    """Of the order within rounds."""
    seconds_a_trial: float = 90.0
    """A trial that takes longer is ended, and its contender has failed."""
    workloads: tuple[str, ...] = ()
    """By name; none: all, or QUICK."""
    contenders: tuple[Contender, ...] = CONTENDERS


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of one workload."""

    workload: Workload
    items: int
    comparison: Comparison
    trials: tuple[Trial, ...]
    absent: tuple[str, ...]
    """Contenders whose library is not installed."""
    not_run: tuple[str, ...]
    """Contenders for which there was no time."""
    import_seconds: dict[str, list[float]]
    """Of each contender's library, trial by trial; in none of the times."""


def measure(plan: Plan, log: Callable[[str], object]) -> Iterator[Measured]:
    """Run one workload after the other; `log` gets a line a trial."""
    loops_per_second = calibrate().loops_per_second
    known = workloads(loops_per_second)
    unknown = set(plan.workloads) - set(known)
    if unknown:
        raise ValueError(f"no workload {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    names = plan.workloads or (QUICK if plan.quick else tuple(known))
    wanted = [known[name] for name in names]
    for one in wanted:
        yield _measure(one, plan, plan.seconds / len(wanted), loops_per_second, log)


def _measure(
    workload: Workload,
    plan: Plan,
    seconds: float,
    loops_per_second: float,
    log: Callable[[str], object],
) -> Measured:
    items = max(1, workload.count // _QUICK_PART) if plan.quick else workload.count
    shared = Shared(
        workload=workload,
        items=items,
        workers=effective_cores(),
        loops_per_second=loops_per_second,
        seconds_at_most=plan.seconds_a_trial,
    )
    suited = [one for one in plan.contenders if _takes_part(one, workload, plan)]
    present = [PeerTrial(one, shared) for one in suited if one.installed]
    reference = next(one for one in present if one.name == REFERENCE)
    # Once before the clock runs: the others are checked against its results.
    reference.run(again=True)
    began = time.time()

    def record(trial: Trial) -> None:
        log(f"{workload.name}, round {trial.round}: {_line(trial)}")

    found = run_trials(
        reference,
        [one for one in present if one is not reference],
        # No rounds to warm up: each trial has a process of its own.
        TrialOptions(plan.rounds, seconds, warm_up_rounds=0, seed=plan.seed),
        record=record,
        log=log,
    )
    run = TrialRun(
        name=workload.name,
        run_id="",
        began=began,
        reference=REFERENCE,
        input_sha256=workload.name,
        function=function_name(workload.function),
        function_fingerprint=function_fingerprint(workload.function),
        machine=machine_record(),
        options={"rounds": plan.rounds, "seconds": seconds, "seed": plan.seed},
        remarks=found.remarks,
        failures=found.failures,
    )
    tried = {trial.strategy for trial in found.trials} | set(found.failures)
    return Measured(
        workload=workload,
        items=items,
        comparison=compare(run, found.trials),
        trials=found.trials,
        absent=tuple(one.name for one in suited if not one.installed),
        not_run=_names(present, tried),
        import_seconds=shared.import_seconds,
    )


def _takes_part(contender: Contender, workload: Workload, plan: Plan) -> bool:
    # Quick: the clusters start for one workload only, or there would be nothing but starting.
    left_out = plan.quick and contender.cluster and workload.name != QUICK[0]
    return contender.suits(workload) and not left_out


def _names(present: Sequence[PeerTrial], tried: set[str]) -> tuple[str, ...]:
    return tuple(one.name for one in present if one.name not in tried)


def _line(trial: Trial) -> str:
    warm = "" if trial.warm_seconds is None else f", {trial.warm_seconds:.3f} s warm"
    fault = "" if trial.correct else "; WRONG RESULTS" if trial.in_order else "; OUT OF ORDER"
    return f"{trial.strategy} {trial.wall_seconds:.3f} s{warm}{fault}"
