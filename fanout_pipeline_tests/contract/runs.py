"""Runs of a strategy, as the tests of the contract need them."""

import os
from dataclasses import asdict

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.model.options import FAIL
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline_tests.contract.functions.adapters import Async, Batch


def write_items(path, count, replaced=None):
    """A file of `count` integers, 1000 + index, but for the lines that are replaced, by index."""
    lines = [str(1000 + index) for index in range(count)]
    for index, line in (replaced or {}).items():
        lines[index] = line
    path.write_text("\n".join([*lines, ""]))
    return path


def given_to(name, function):
    """A function as the strategy can call it."""
    wrapped = STRATEGIES[name].awaits and not is_async(function)
    return Async(function) if wrapped else function


def spec_of(name, source, function, batch=None, **more):
    """The function over a source, or over a file of integers, in the form that the strategy needs."""
    if isinstance(source, str | os.PathLike):
        source = IntegerLines(str(source))
    if STRATEGIES[name].batch:
        batch = batch or Batch(function)
    return FanoutSpec("squares", source, given_to(name, function), batch, **more)


def options_of(name, workers=2, failures=FAIL, **more):
    """Options with the strategy's default start method."""
    return Options(workers=workers, **asdict(failures), **more)


def run(name, source, function, folder, *, workers=2, chunks=4, log=print, **more):
    """A whole run; `more` are options."""
    spec, options = (
        spec_of(name, source, function),
        options_of(name, workers, chunks=chunks, **more),
    )
    return run_strategy(STRATEGIES[name], spec, folder, options, log=log)


def run_warm(name, crew, spec, folder, chunks):
    """What `run_strategy` does, with a crew that is there already."""
    target = ResultFolder(folder)
    with target.writing() as generation:
        cuts = spec.source.chunks(chunks)
        work = Work(spec.source, spec.function, spec.batch_function, cuts, generation)
        manifest = Manifest(name, tuple(crew.run(work, Progress(name, print)).parts))
        target.commit(generation, manifest)
    return manifest
