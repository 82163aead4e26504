"""One run of one strategy whose results stay in memory: what a call without a folder needs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fanout_pipeline.engine.calls.budget import limited
from fanout_pipeline.engine.calls.typed import typed
from fanout_pipeline.engine.functions.input_guard import inputs_unchanged, stamps_of
from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.intake import Cut, default_chunks, taking_in
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec, with_its_imports
from fanout_pipeline.engine.model.strategy import Ran, Strategy
from fanout_pipeline.engine.model.work import InputVersions, Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.system.usage import ProcessUsage, own_usage
from fanout_pipeline.engine.timing.timeline import mean, total
from fanout_pipeline.results.files.windows import refuse_on_windows
from fanout_pipeline.results.memory import MemoryResults
from fanout_pipeline.sources.source import Chunk, Source, Version
from fanout_pipeline.sources.spool.feed import feed_of


@with_its_imports
def run_in_memory(
    strategy: Strategy,
    spec: FanoutSpec,
    options: Options,
    log: Callable[[str], object] = lambda line: None,
    progress: Progress | None = None,
) -> tuple[MemoryResults, RunRecord]:
    """Call the function on all items. Raises what `run_strategy` does; the error's `partial` has what is done."""
    results = MemoryResults()
    try:
        progress = progress or Progress(strategy.name, log)
        return results, _run(strategy, spec, options, log, results, progress)
    except BaseException as error:
        error.partial = results  # type: ignore[attr-defined]
        raise


def _run(
    strategy: Strategy,
    spec: FanoutSpec,
    options: Options,
    log: Callable[[str], object],
    results: MemoryResults,
    progress: Progress,
) -> RunRecord:
    own, began = own_usage(), time.perf_counter()
    spec.source.require_columns(spec.keep)
    setup = setup_of(spec, options)
    workers = 1 if strategy.single or strategy.grows else options.worker_count
    input_ = spec.source.examine()
    seen = InputVersions(Version(input_.token, input_.size), stamps_of(spec))
    with ExitStack() as open_, inputs_unchanged(spec, seen):
        cut = time.perf_counter()
        wanted = options.chunks or default_chunks(spec.source, input_.size, workers)
        source, chunks = open_.enter_context(_taken_in(spec, seen, input_, wanted, results, log))
        work = Work(
            source,
            typed(spec.function, spec.layout.kind),
            spec.batch_function,
            chunks.chunks,
            results,  # type: ignore[arg-type]
            options.chunks is not None,
            options.failures,
            depends_on=spec.depends_on,
            seen=seen,
            spooled=None if chunks.arrivals is None else spec.source,
            surroundings=Surroundings.current(),
            layout=spec.layout,
            arrivals=chunks.arrivals,
            limits=strategy.call_limits(options),
            thread_safe=spec.thread_safe,
            setup=setup,
        )
        if work.limits is not None:
            folder = Path(open_.enter_context(TemporaryDirectory(prefix="fanout-")))
            limits = open_.enter_context(limited(work.limits, folder, "run", progress))
            work = replace(work, limits=limits)
        start = time.perf_counter()
        crew = open_.enter_context(strategy.start(options))
        started = time.perf_counter()
        ran = crew.run(work, progress)
        chunks.require_all()
        ended, now, used = time.perf_counter(), own_usage(), crew.usage()
    stopped = time.perf_counter()
    outside = {"read": start - cut}, {"start": started - start}, {"stop": stopped - ended}
    parts = results.parts
    return RunRecord(
        strategy=strategy.name,
        wall_seconds=stopped - began,
        start_seconds=started - start,
        run_seconds=ended - started,
        stop_seconds=stopped - ended,
        commit_seconds=0.0,
        cpu_seconds=now.cpu_seconds - own.cpu_seconds + sum(u.cpu_seconds for u in used),
        peak_rss_bytes=max(u.peak_rss_bytes for u in [now, *used]),
        items=sum(part.items for part in parts),
        workers=_had(results, ran) if strategy.grows or strategy.remote else workers,
        worker_pids=_called(strategy, results, used),
        chunks=len(parts),
        start_method=strategy.start_methods[0] if used or not strategy.grows else "none",
        digest="",
        input=input_,
        function_fingerprint="",
        phases=total([*outside, mean(ran.timelines)]),
        sent_bytes=ran.sent_bytes,
        failed=sum(len(part.failed) for part in parts),
        retried=results.retried,
        why=crew.why,
    )


def _called(
    strategy: Strategy, results: MemoryResults, used: Sequence[ProcessUsage]
) -> tuple[int, ...]:
    """The processes that called. A strategy that grows may have started others, which had not joined by the end."""
    if strategy.grows and results.pids:
        return tuple(sorted(results.pids))
    return tuple(one.pid for one in used) or (os.getpid(),)


def _had(results: MemoryResults, ran: Ran) -> int:
    """How many processes, or threads of this one, called in the end."""
    return ran.workers or len(results.pids) or 1


@contextmanager
def _taken_in(
    spec: FanoutSpec,
    seen: InputVersions,
    input_: Version,
    wanted: int,
    results: MemoryResults,
    log: Callable[[str], object],
) -> Iterator[tuple[Source, Cut]]:
    """The source that is read, and its chunks. What cannot be cut is spooled to a folder until the end."""
    source = spec.source.examined(input_)
    if source.sent(Chunk(0, 0, 0)) is not None or feed_of(source) is None:
        yield source, Cut(source.chunks(wanted))
        return
    from fanout_pipeline.engine.functions.identity import Basis

    refuse_on_windows("Inputs that are spooled")
    basis = Basis(seen, input_, {}, {}, is_spooled=True)
    with TemporaryDirectory(prefix="fanout-") as folder:
        results.local = Path(folder)
        with taking_in(source, basis, results, (), False, log) as intake:  # type: ignore[arg-type]
            yield intake.source, intake.cut(wanted, ())
