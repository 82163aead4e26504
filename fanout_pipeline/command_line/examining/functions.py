"""One fan-out of a project: whether its function can be sent to workers, and what they import for it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from fanout_pipeline.command_line.examining.finding import Finding, failure, fine, warning
from fanout_pipeline.command_line.examining.worker import BEGIN, END
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec, with_its_imports
from fanout_pipeline.engine.registry import AUTO, STRATEGIES
from fanout_pipeline.engine.suitability import require_suited, unsuited
from fanout_pipeline.engine.system.blas_threads import worker_environment
from fanout_pipeline.engine.system.interpreter import command
from fanout_pipeline.measuring.formatting import size
from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.sources.source import BadInput, Source

_WORKER_SECONDS = 60.0
_SLOW_SECONDS = 2.0
_TOLD_SECONDS = 0.1
"""Packages that took longer to import than this are named."""
_MUCH_BYTES = 50_000_000
_DAGSTER = "dagster"
_PROGRAM = "from fanout_pipeline.command_line.examining.worker import main\nmain()"


@with_its_imports
def look_at_fanout(
    name: str, spec: FanoutSpec, options: Options, source: Source | None = None
) -> Iterator[Finding]:
    """What will not work of it. `source`, where it is known and lies where it says, is looked at, too."""
    return iter([*_look_at_way(name, spec, options), *_look_at_input(name, spec, source)])


def _look_at_way(name: str, spec: FanoutSpec, options: Options) -> Iterator[Finding]:
    strategy = STRATEGIES.get(options.strategy or AUTO)
    if strategy is None:
        names = ", ".join(STRATEGIES)
        yield failure(name, f"there is no strategy {options.strategy!r}", f"use one of {names}")
        return
    if why := unsuited(strategy, spec, options):
        yield failure(name, why, "use another strategy, or leave it out: auto chooses")
        return
    in_vain: list[str] = []
    require_suited(strategy, spec, options, True, in_vain.append)
    if options.start_method not in (None, *strategy.start_methods):
        in_vain.append(f"start_method={options.start_method!r} is not applied by {strategy.name}")
    for line in in_vain:
        yield warning(
            name, line.removeprefix("Warning: "), "leave the option out, or do as it says"
        )
    if not strategy.starts_processes:
        yield fine(name, f"{strategy.name} calls {_called(spec)} in the process of the step")
        return
    lines: list[str] = []
    try:
        sent = _sent(spec, options, lines)
    except (TypeError, ValueError) as error:
        yield failure(name, str(error), "or use strategy='threads', which sends nothing")
        return
    if len(sent) > _MUCH_BYTES:
        yield warning(
            name,
            f"{size(len(sent))} are sent to each worker with {_called(spec)}",
            "load what is large in `setup`, which each worker calls once",
        )
    yield from _look_at_worker(name, spec, sent, lines)


def _called(spec: FanoutSpec) -> str:
    return function_name(spec.function)


def _sent(spec: FanoutSpec, options: Options, lines: list[str]) -> bytes:
    """What workers are sent. Raises TypeError or ValueError, which name what cannot be sent, or is not there."""
    setup = setup_of(spec, options)
    for function in (spec.function, spec.batch_function):
        if function is not None:
            pickle_with_function((function, setup), function, setup=setup)
    message = spec.function, spec.batch_function, setup
    return pickle_with_function(message, spec.function, None, lines.append, setup=setup)


@dataclass(frozen=True, slots=True)
class Received:
    """What receiving the function took a worker."""

    seconds: float
    blas_threads: int | None
    packages: dict[str, float]
    """The seconds of the packages that took long to import, without those that they are part of."""


def _look_at_worker(
    name: str, spec: FanoutSpec, sent: bytes, lines: list[str]
) -> Iterator[Finding]:
    """`lines`: what a run logs of how the function is sent."""
    try:
        found = received(sent, _called(spec).rpartition(" ")[2].partition(":")[0].partition(".")[0])
    except RuntimeError as error:
        yield failure(
            name,
            f"a worker cannot receive {_called(spec)}: {error}",
            "have its modules where PYTHONPATH or the package's installation finds them",
        )
        return
    told = ", ".join(f"{package} {seconds:.1f} s" for package, seconds in found.packages.items())
    text = f"each worker takes {found.seconds:.1f} s to receive {_called(spec)}"
    text = ". ".join([text + (f" ({told})" if told else ""), *lines])
    if _DAGSTER in found.packages:
        to_do = "define the function in a module that does not import dagster, nor one that does"
        yield warning(name, text, to_do)
    elif found.seconds > _SLOW_SECONDS:
        to_do = "import in the function's module no more than it needs; a thread has it already (strategy='threads')"
        yield warning(name, text, to_do)
    else:
        yield fine(name, text)
    if found.blas_threads is not None and found.blas_threads > 1:
        yield warning(
            name,
            f"linear algebra has {found.blas_threads} threads in each worker, which has one core",
            "set OMP_NUM_THREADS=1, MKL_NUM_THREADS=1 where Dagster runs",
        )


@cache
def received(sent: bytes, own: str) -> Received:
    """Receive a function in another interpreter. Raises RuntimeError with the last line that it had to say.

    `own`: the package of the function itself, whose imports are told one by one.
    """
    program = command(_PROGRAM)
    try:
        done = subprocess.run(
            [program[0], "-X", "importtime", *program[1:]],
            input=sent,
            capture_output=True,
            env=worker_environment(),
            timeout=_WORKER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it takes more than {_WORKER_SECONDS:.0f} s") from None
    told = done.stderr.decode(errors="replace").splitlines()
    if done.returncode:
        raise RuntimeError(
            printable(next(reversed([one for one in told if one.strip()]), "it died"))
        )
    answer: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    between = told[told.index(BEGIN) + 1 : told.index(END)]
    return Received(answer["seconds"], answer["blas_threads"], _packages(between, own))


def _packages(lines: list[str], own: str) -> dict[str, float]:
    """The slow packages of `-X importtime`, whose lines name a module after those that it imports."""
    found: dict[str, float] = {}
    inside: int | None = None
    for line in reversed(lines):
        if not line.startswith("import time:") or line.count("|") < 2:
            continue
        _, cumulative, name = line.split("|", 2)
        depth, package = len(name) - len(name.lstrip()), name.strip().partition(".")[0]
        if inside is not None and depth > inside:
            continue
        inside = None
        seconds = int(cumulative) / 1e6
        if package != own and seconds >= _TOLD_SECONDS:
            found[package] = found.get(package, 0.0) + seconds
            inside = depth
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _look_at_input(name: str, spec: FanoutSpec, source: Source | None) -> Iterator[Finding]:
    if source is None:
        return
    try:
        version = source.version()
        source.require_columns(spec.keep)
    except BadInput as error:
        yield warning(
            name, f"its input is not there yet, or not as it should be: {error}", "see there"
        )
    else:
        yield fine(name, f"{source} is there ({version.size:,} {source.UNIT})")
