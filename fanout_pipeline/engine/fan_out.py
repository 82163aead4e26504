"""A function over many items as one call, from any asset, script, test or notebook."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.changes import Asked, Removed
from fanout_pipeline.engine.model.keywords import names_keywords
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import Dependency, FanoutSpec
from fanout_pipeline.engine.said import asked_with, chosen_options, require_callable, with_key
from fanout_pipeline.engine.system.progress_bar import ProgressBar, can_show
from fanout_pipeline.results.kept import KeptInFolder, KeptInMemory
from fanout_pipeline.results.results import Results
from fanout_pipeline.results.types.layout import PLAIN
from fanout_pipeline.sources.columns import nearest
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.source import Source

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.strategy import Strategy

_BY_DAGSTER = "dagster_multiprocess"


@names_keywords
def fan_out(
    function: Callable[..., Any],
    items: Any,
    *,
    options: Options | None = None,
    strategy: str | None = None,
    batch_function: Callable[..., Any] | None = None,
    setup: Callable[..., Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    key: str | Callable[[Any], Any] | None = None,
    duplicates: Literal["error", "once"] = "error",
    removed: Removed = "drop",
    keep: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    unpack: bool = False,
    result_type: Any = None,
    tolerance: float = 1e-9,
    thread_safe: bool = False,
    depends_on: Sequence[Dependency] = (),
    code_version: str | None = None,
    folder: str | Path | None = None,
    name: str | None = None,
    context: Any = None,
    progress: bool | None = None,
) -> Results:
    """Call the function on each item, and give the results in the order of the items.

    `items` is a list or other sequence, an iterable, a DataFrame (pandas, polars), an Arrow table, a NumPy array or
    a `Source`. Rows of frames and tables are given as dicts; `columns` picks some, and of one its plain values.

    With a `key` (a column, `"path"` of files, `"item"`, or a function of the item) a call whose results are kept, in
    `folder` or by `context`, calls only what is new, has changed or had failed. `duplicates="once"` takes the first
    item of each key; `removed="keep"` keeps results whose items are gone.
    """
    options = chosen_options(options, strategy)
    if options.verify:
        raise ValueError("verify is for assets, whose results have checks: leave it out.")
    for called in (function, *([] if batch_function is None else [batch_function])):
        require_callable(called, setup)
    asked, keep = asked_with(key, removed), with_key(keep, key)
    spec = FanoutSpec(
        re.sub(r"\W", "_", name or function_name(function).rpartition(":")[2], flags=re.ASCII),
        _source(items, columns, keep),
        function,
        batch_function,
        depends_on=depends_on,  # type: ignore[arg-type]
        tolerance=tolerance,
        key=key,
        duplicates=duplicates,
        keep=keep,
        unpack=unpack,
        result_type=result_type,
        setup=setup,
        resources=resources or {},
        thread_safe=thread_safe,
        code_version=code_version,
    )
    log = _log_to(context)
    if progress is None:
        progress = context is None and can_show()
    run = partial(_run, _strategy(options), spec, options, asked, log, progress)
    if context is None:
        return run(folder, "")
    from fanout_pipeline.engine.step import call_in, record, run_of

    with call_in(context, name) as place:
        results = run(place if folder is None else folder, run_of(context))
        record(context, name, results.record, str(results.path))
        return results


def _strategy(options: Options) -> Strategy:
    """Raises ValueError where there is none of this name that may be called so."""
    from fanout_pipeline.engine.registry import AUTO, RUNNABLE, STRATEGIES

    name = options.strategy or AUTO
    if name == _BY_DAGSTER:
        raise ValueError(
            f"{name} is made of Dagster's steps, so no call can run it. Use multiprocess."
        )
    if name in RUNNABLE:
        return RUNNABLE[name]
    if name in STRATEGIES:
        raise ValueError(f"{name} is kept for comparison only. Use multiprocess instead.")
    raise ValueError(f"There is no strategy {name!r}. {nearest(name, list(RUNNABLE))}")


def _source(items: Any, columns: Sequence[str] | None, keep: Sequence[str]) -> Source:
    if isinstance(columns, str):
        raise TypeError(f"columns is a tuple of names: write columns=({columns!r},)")
    if isinstance(items, Source) and columns is not None:
        raise TypeError(f"Say columns={columns!r} where the {type(items).__name__} is made.")
    return as_source(items, columns, keep)


def _log_to(context: Any) -> Callable[[str], object]:
    """The log of an asset, else Python's."""
    import logging

    logger = logging.getLogger("fanout_pipeline") if context is None else context.log
    return lambda line: (logger.warning if "Warning: " in line else logger.info)(line)


def _run(
    way: Strategy,
    spec: FanoutSpec,
    options: Options,
    asked: Asked,
    log: Callable[[str], object],
    progress: bool,
    folder: str | Path | None,
    who: str,
) -> Results:
    """Make the calls; `who` names this run to others; the results are in files where that is asked for or needed."""
    from fanout_pipeline.engine.registry import AUTO, AUTO_HERE
    from fanout_pipeline.engine.suitability import Unsupported, unsuited

    if why := unsuited(way, spec, options):
        raise Unsupported(why)
    if is_async(spec.function) and not (way.awaits or way.batch or way.name == AUTO):
        log(
            f"Warning: {way.name} awaits one call after the other{'' if way.single else ' in each worker'}. "
            f"strategy='asyncio' has up to concurrency={options.concurrency} of them in flight."
        )
    limited = options.item_timeout_seconds or options.worker_memory_mb
    if way.name == AUTO and folder is None and not limited:
        way = AUTO_HERE
    in_memory = folder is None and spec.key is None and spec.layout == PLAIN and not way.baseline
    bar = ProgressBar(way.name, log) if progress else None
    temporary: Path | None = None
    try:
        if in_memory:
            from fanout_pipeline.engine.in_memory import run_in_memory

            made, run = run_in_memory(way, spec, options, log, bar)
            return Results(KeptInMemory(made.parts), run)
        from fanout_pipeline.engine.run import run_strategy
        from fanout_pipeline.results.read import Snapshot

        if folder is None:
            import tempfile

            temporary = Path(tempfile.mkdtemp(prefix="fanout-"))
            folder = temporary / "results"
        path = Path(os.path.realpath(Path(folder).parent), Path(folder).name)  # no links on the way
        kept = partial(run_strategy, ledger=True, resume=True, asked=asked, log=log)
        run = kept(way, spec, path, options, progress=bar, who=who)
        return Results(KeptInFolder(Snapshot.of(path), temporary, path), run)
    except BaseException as error:
        _keep_partial(error, folder, temporary)
        raise
    finally:
        if bar is not None:
            bar.close()


def _keep_partial(error: BaseException, folder: str | Path | None, temporary: Path | None) -> None:
    """Give an error what was done before it as its attribute `results`, and say so."""
    done = getattr(error, "partial", None)
    if done is None:
        if temporary is not None:
            import shutil

            shutil.rmtree(temporary, ignore_errors=True)
        return
    kept = (
        KeptInMemory(done.parts) if folder is None else KeptInFolder(done, temporary, done.folder)
    )
    error.results = results = Results(kept)  # type: ignore[attr-defined]
    where = "as the attribute `results` of this error"
    if folder is not None and temporary is None:
        where = f"in {folder}: the same call goes on from there"
    if results:
        error.add_note(f"{len(results):,} results are kept, {where}.")
