"""One run of one strategy, from the file on disk to committed parts on disk, timed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fanout_pipeline.engine.calls.imports  # noqa: F401 (not in a run's time)
from fanout_pipeline.engine.crews import OpenCrew
from fanout_pipeline.engine.functions.identity import Basis, identity_of, keyed_identity
from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.intake import default_chunks, taking_in
from fanout_pipeline.engine.job import Job
from fanout_pipeline.engine.model.changes import Asked
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec, with_its_imports
from fanout_pipeline.engine.model.strategy import Ran, Strategy
from fanout_pipeline.engine.scheduling.resume import finished_before, log_kept_on_error
from fanout_pipeline.engine.suitability import require_suited
from fanout_pipeline.engine.system.malloc import keep_freed_memory
from fanout_pipeline.engine.system.os_errors import explained
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import own_usage
from fanout_pipeline.engine.timing.timeline import total
from fanout_pipeline.engine.workers.apart import call_apart
from fanout_pipeline.results.store.folder import ResultFolder

if TYPE_CHECKING:
    from fanout_pipeline.engine.keyed import KeyedRun


@with_its_imports
def run_strategy(
    strategy: Strategy,
    spec: FanoutSpec,
    folder: Path,
    options: Options,
    *,
    log: Callable[[str], object] = lambda line: None,
    warm_runs: int = 0,
    ledger: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    crew: OpenCrew | None = None,
    who: str = "",
    asked: Asked = Asked(),  # noqa: B008 (frozen)
) -> RunRecord:
    """Fan the function out and commit the results to `folder`; `spec.source` is under the data root already.

    The same workers do it `warm_runs` times more. With `ledger` finished parts outlive a run that fails; with
    `resume` those of an earlier run of the same identity are reused. Runs that are timed do neither.
    `progress` is told how far the run is, in place of lines of the log. `crew`: the workers of several runs (see
    `open_crew`), which are neither started nor stopped here unless a run fails; without one they are this run's.
    `who` names this run to others that wait for the folder. With a key and a ledger it calls what is `asked` for of
    what has changed since the visible results.

    Raises BadInput, ItemFailed, WorkerDied, CannotWrite, SystemRefused, TypeError, Unsupported where a
    baseline is asked for what it lacks, or TimeoutError where another run writes to the folder for too long; what is
    visible in the folder is then as it was.
    """
    require_suited(strategy, spec, options, resume, log)
    if crew is not None:
        crew.require(strategy, options)
    spec.source.require_columns(spec.keep)
    run = partial(_run_here, strategy, options=options, warm_runs=warm_runs, who=who)
    if not strategy.baseline:
        run = partial(run, ledger=ledger, resume=resume, progress=progress, crew=crew, asked=asked)
        return run(spec, folder, log=log)
    spec.source.version()  # Nothing is written for an input that is not there.
    spec = replace(spec, batch_function=None)  # It need not be one that can be sent.
    try:
        return call_apart(partial(run, spec, folder), log)  # type: ignore[no-any-return]
    except BaseException:
        # It was killed: what it had begun is removed as the next run would remove it.
        with suppress(Exception), ResultFolder(folder).writing():
            pass
        raise


@with_its_imports
def _run_here(
    strategy: Strategy,
    spec: FanoutSpec,
    folder: Path,
    options: Options,
    *,
    log: Callable[[str], object],
    warm_runs: int,
    who: str,
    ledger: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    crew: OpenCrew | None = None,
    asked: Asked = Asked(),  # noqa: B008 (frozen)
) -> RunRecord:
    """Run the strategy in this process and commit the results."""
    keep_freed_memory()
    method = options.start_method
    if method is None or method not in strategy.start_methods:
        method = strategy.start_methods[0]
    workers = 1 if strategy.single else options.worker_count
    if not (strategy.grows or strategy.remote):  # It asks whether anybody has said how many.
        options = replace(options, workers=workers)
    options = replace(options, start_method=method)
    setup = setup_of(spec, options)
    # Outside the timing, the same for all: which bytes these are.
    basis = Basis.of(spec)
    target = ResultFolder(folder)
    with (
        target.turn(options.lock_wait_seconds, log, who) as waited,
        explained(folder),
        ExitStack() as generations,
    ):
        if waited:  # Meanwhile it may have changed.
            basis = Basis.of(spec)
        wanted = options.chunks or default_chunks(spec.source, basis.input.size, workers)
        is_keyed = ledger and spec.key is not None
        identity = None
        if ledger or resume:
            whole = strategy, spec, basis, options
            identity = keyed_identity(spec, basis) if is_keyed else identity_of(*whole)
        # Around the workers, so that a generation is given up only when nobody writes to it any more.
        folders = [
            generations.enter_context(target.writing(identity if resume else None, log))
            for _ in range(1 + warm_runs)
        ]
        finished = () if identity is None else finished_before(folders[0], identity, log)
        if resume:
            generations.enter_context(log_kept_on_error(folders[0], spec, basis, log))
        progress = progress or Progress(strategy.name, log)
        own, began = own_usage(), time.perf_counter()
        fixed = options.chunks is not None
        at_once = fixed or strategy.baseline
        read = () if is_keyed else finished
        intake = generations.enter_context(
            taking_in(spec.source, basis, folders[-1], read, at_once or is_keyed, log)
        )
        keyed = None
        if is_keyed and identity is not None:
            known = basis, target, folders[0], intake, wanted, at_once, identity, finished
            keyed, strategy = generations.enter_context(_keyed(strategy, spec, *known, asked, log))
            intake, finished, crew = keyed.intake, (), None if keyed.calls_none else crew
        looked = began if keyed is None else time.perf_counter()
        how = wanted, fixed, options.failures, strategy.call_limits(options), progress, setup, keyed
        job = Job(strategy.name, spec, basis, intake, target, *how)
        opened = crew or OpenCrew(strategy, options)
        with opened.lent(options) as serving:
            started = time.perf_counter()
            cold = job.run(serving, folders[0], finished)
            now, used, why = own_usage(), opened.used(cold.ran), serving.why
            if warm_runs:
                serving.warm_up()
            warm = [job.run(serving, folder) for folder in folders[1:]]
            begin_stop = time.perf_counter()
            if crew is None:
                opened.close()
        stopped = time.perf_counter()
    pids = tuple(one.pid for one in used)
    pids = _called(cold.ran, pids) if strategy.grows else pids or (os.getpid(),)
    start_seconds, stop_seconds = started - looked, stopped - begin_stop
    reused = [one.part for one in cold.cut.finished]
    changes = None if keyed is None else keyed.changes
    return RunRecord(
        strategy=strategy.name,
        wall_seconds=looked - began + start_seconds + cold.seconds + stop_seconds,
        start_seconds=start_seconds,
        run_seconds=cold.run_seconds,
        stop_seconds=stop_seconds,
        commit_seconds=cold.commit_seconds,
        cpu_seconds=now.cpu_seconds - own.cpu_seconds + sum(u.cpu_seconds for u in used),
        peak_rss_bytes=max(u.peak_rss_bytes for u in [now, *used]),
        items=cold.manifest.items,
        workers=_had(cold.ran, pids) if strategy.grows or strategy.remote else workers,
        worker_pids=pids,
        chunks=len(cold.ran.parts),
        part_files=len(cold.manifest.parts),
        start_method=method if pids != (os.getpid(),) or not strategy.grows else "none",
        digest=cold.manifest.digest,
        input=replace(intake.input, counts=()),  # Nobody needs them any more.
        function_fingerprint=cold.manifest.function["fingerprint"],
        warm_seconds=tuple(run.seconds for run in warm),
        phases=total(
            [
                {"read": looked - began},
                {"start": start_seconds},
                cold.phases,
                {"stop": stop_seconds},
            ]
        ),
        sent_bytes=cold.ran.sent_bytes,
        pickle_seconds=cold.ran.pickle_seconds,
        failed=cold.manifest.failed,
        retried=sum(p.retried for p in cold.ran.parts) - sum(p.retried for p in reused),
        why=why,
        reused_chunks=len(reused),
        reused_items=changes.saved_calls if changes else sum(part.items for part in reused),
        changes=changes,
    )


@contextmanager
def _keyed(
    strategy: Strategy, spec: FanoutSpec, *known: Any
) -> Iterator[tuple[KeyedRun, Strategy]]:
    """What a run with a key carries over, and the strategy, which starts no workers where there is nothing to call."""
    from fanout_pipeline.engine.keyed import keyed_run, nobody  # Arrow

    with keyed_run(spec, *known) as keyed:
        yield keyed, replace(strategy, start=nobody) if keyed.calls_none else strategy


def _had(ran: Ran, pids: tuple[int, ...]) -> int:
    """How many workers a run had in the end: processes, or else threads of this one."""
    return ran.workers or len(pids)


def _called(ran: Ran, started: tuple[int, ...]) -> tuple[int, ...]:
    """Which of the processes that there are have made calls: some may have come too late."""
    those = {*started, os.getpid()} & {part.pid for part in ran.parts}
    return tuple(sorted(those)) or (os.getpid(),)
