"""What `setup` makes once a worker, in every strategy: given to the functions, made anew, closed in the end."""

import logging
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from fanout_pipeline import (
    FanoutSpec,
    IntegerLines,
    ItemFailed,
    Options,
    SetupFailed,
    WorkerDied,
    read_results,
)
from fanout_pipeline.engine.in_memory import run_in_memory
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.engine.scheduling import growth
from fanout_pipeline.engine.strategies import auto
from fanout_pipeline.engine.suitability import Unsupported
from fanout_pipeline.engine.workers import closing
from fanout_pipeline_tests.contract.cases import RELIABLE
from fanout_pipeline_tests.contract.runs import write_items
from fanout_pipeline_tests.engine.calls import functions
from fanout_pipeline_tests.processes import interrupt

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]

_WAYS = STRATEGIES | {"auto": auto.STRATEGY, "here": auto.HERE}
_NAMES = [*dict.fromkeys([*RELIABLE, "auto", "here"])]
_every_strategy = pytest.mark.parametrize("name", _NAMES)
_FORMS = [functions.Opens, functions.OpensInLoop, functions.OpensAwaited]


@pytest.fixture
def journal(tmp_path):
    """What setups note."""
    return tmp_path / "journal"


@pytest.fixture
def file(tmp_path):
    """100 items, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


def _run(name, file, setup, function, tmp_path, *, resources=(), batch=None, **options):
    """A run of a strategy; the values of its results."""
    spec = FanoutSpec(
        "items",
        IntegerLines(str(file)),
        function,
        (batch or functions.call_batch) if name == "vectorized" else None,
        setup=setup,
        resources=dict(resources),
    )
    options = Options(**({"chunks": 4, "workers": 2} | options))
    run_strategy(_WAYS[name], spec, tmp_path / "results", options, log=print)
    return read_results(tmp_path / "results")["result"].tolist()


def _noted(journal):
    """The lines of the journal: what, process, thread, value, calls."""
    return [line.split() for line in journal.read_text().splitlines()]


def _function_of(name, plain=functions.call, awaited=functions.call_async):
    return awaited if _WAYS[name].awaits else plain


def _is_balanced(journal):
    """Whether each value that was made was closed, once."""
    made = [line[1:4] for line in _noted(journal) if line[0] == "made"]
    closed = [line[1:4] for line in _noted(journal) if line[0] == "closed"]
    return made and sorted(made) == sorted(closed)


@_every_strategy
def test_once_a_worker(name, file, journal, tmp_path):
    """Each worker has a value of its own, made once and closed once; all calls have one of them."""
    results = _run(name, file, functions.Opens(journal), _function_of(name), tmp_path)
    assert results == list(range(1000, 1100))
    made = [tuple(line[1:3]) for line in _noted(journal) if line[0] == "made"]
    assert len(set(made)) == len(made) <= (1 if _WAYS[name].single else 3)
    assert _is_balanced(journal)
    if name != "vectorized":
        assert sum(int(line[4]) for line in _noted(journal) if line[0] == "closed") == 100


@pytest.mark.parametrize("form", _FORMS)
@_every_strategy
def test_forms(name, form, file, journal, tmp_path):
    """A context manager, an async one and an async function all do, for plain functions and async ones."""
    setup = form(journal)
    functions_ = [functions.call_anywhere, functions.call_async]
    for function in functions_[_WAYS[name].awaits :]:
        journal.unlink(missing_ok=True)
        batch = functions.call_anywhere_batch
        results = _run(name, file, setup, function, tmp_path, batch=batch)
        assert results == list(range(1000, 1100))
        assert _is_balanced(journal)


@pytest.mark.parametrize("name", ["serial", "threads", "asyncio", "multiprocess"])
def test_one_for_an_event_loop(name, file, journal, tmp_path):
    """An async function's value is made in the loop that its calls are made in, and calls of one process share it."""
    setup = functions.OpensInLoop(journal)
    _run(name, file, setup, functions.call_in_its_loop, tmp_path)
    processes = {line[1] for line in _noted(journal)}
    assert len([line for line in _noted(journal) if line[0] == "made"]) == len(processes)
    assert _is_balanced(journal)


@_every_strategy
def test_made_anew(name, file, journal, tmp_path):
    """With recycle_after no value serves for more calls than that, and each is closed."""
    function = _function_of(name)
    setup = functions.Opens(journal)
    _run(name, file, setup, function, tmp_path, recycle_after=7, chunks=30)
    calls = [int(line[4]) for line in _noted(journal) if line[0] == "closed"]
    assert max(calls) == 7
    assert _is_balanced(journal)


@_every_strategy
def test_fails_once(name, file, journal, tmp_path):
    """A setup that fails is named, ends the run at once, and is tried once a worker: it is no item's failure."""
    setup = functions.Refused(journal)
    options = {"on_error": "quarantine", "retries": 3, "backoff_seconds": 0}
    with pytest.raises(SetupFailed, match=r"^setup Refused raised ConnectionError: refused by the"):
        _run(name, file, setup, _function_of(name), tmp_path, **options)
    assert len(journal.read_text().splitlines()) <= 2


@_every_strategy
def test_fails_when_made_anew(name, file, journal, tmp_path):
    """The same holds in the middle of a run: no item is blamed, none is tried again."""
    setup = functions.FailsSecond(journal)
    options = {"on_error": "quarantine", "retries": 3, "recycle_after": 3, "workers": 1}
    with pytest.raises(SetupFailed, match="raised ConnectionError: no other one"):
        _run(name, file, setup, _function_of(name), tmp_path, chunks=10, **options)
    assert _is_balanced(journal)


@pytest.mark.parametrize("name", [name for name in _NAMES if name != "vectorized"])
def test_closed_on_failure(name, file, journal, tmp_path):
    """Where an item's failure ends the run, all values are closed."""
    function = _function_of(name, functions.fails_late, functions.fails_late_async)
    with pytest.raises(ItemFailed, match="the late one"):
        _run(name, file, functions.Opens(journal), function, tmp_path)
    assert _is_balanced(journal)


@pytest.mark.parametrize("name", [name for name in _NAMES if name != "vectorized"])
def test_closed_on_ctrl_c(name, tmp_path, journal, monkeypatch):
    """An interrupt in the middle of calls closes the values, too."""
    # On a busy machine half a second may not be enough for a worker to answer.
    monkeypatch.setattr(closing, "_SPARE_SECONDS", 60.0)
    long = write_items(tmp_path / "long.txt", 4000)
    function = _function_of(name, functions.call_slowly, functions.call_slowly_async)
    thread = interrupt(journal.exists, delay=0.2)
    with pytest.raises(KeyboardInterrupt):
        _run(name, long, functions.Opens(journal), function, tmp_path)
    thread.join()
    assert _is_balanced(journal)


def test_long_calls_are_left(file, journal, tmp_path):
    """A call that sleeps is left at an interrupt, so that its worker can close the value before it is killed."""
    mark = tmp_path / "mark"
    thread = interrupt(mark.exists, delay=0.1)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _run("multiprocess", file, functions.Opens(journal), functions.SleepsLong(mark), tmp_path)
    thread.join()
    assert _is_balanced(journal)
    assert time.monotonic() - began < 30  # not the minute


def test_killed_worker(file, journal, tmp_path):
    """A worker that takes the place of one that was killed makes a value anew."""
    function = functions.Kills(tmp_path / "mark")
    options = {"workers": 1, "chunks": 2}
    results = _run("multiprocess", file, functions.Opens(journal), function, tmp_path, **options)
    assert results == list(range(1000, 1100))
    made = {line[1] for line in _noted(journal) if line[0] == "made"}
    closed = {line[1] for line in _noted(journal) if line[0] == "closed"}
    assert closed < made  # A worker that is killed cannot close anything.


def test_worker_that_dies_in_setup(file, tmp_path):
    """A setup that ends its process ends the run, not worker after worker, and is named."""
    with pytest.raises(WorkerDied, match="ended with exit code 7 while setup exits was called"):
        _run("multiprocess", file, functions.exits, functions.with_value, tmp_path)


@pytest.mark.parametrize("recycle_after", [None, 60])
def test_no_part_of_a_call(recycle_after, file, tmp_path):
    """The time that a setup takes is not held against an item, be it before the first call or between two."""
    options = {"item_timeout_seconds": 1.0, "workers": 1, "recycle_after": recycle_after}
    results = _run(
        "multiprocess", file, functions.takes_long, functions.with_value, tmp_path, **options
    )
    assert results == list(range(1000, 1100))


@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_counted_as_starting(name, file, tmp_path):
    """The record of a run counts the time of setup among what it takes to start, not to call."""
    spec = FanoutSpec(
        "items", IntegerLines(str(file)), functions.with_value, setup=functions.takes_long
    )
    options = Options(workers=1, recycle_after=60)
    record = run_strategy(_WAYS[name], spec, tmp_path / "results", options)
    assert record.phases["start"] > 2 * functions.LONG_SECONDS
    assert record.phases["call"] < functions.LONG_SECONDS


@_every_strategy
def test_close_fails(name, file, tmp_path, caplog):
    """A value that cannot be closed is logged; the results are there."""
    function = functions.with_value_async if _WAYS[name].awaits else functions.with_value
    batch = functions.with_value_batch
    with caplog.at_level(logging.WARNING):
        results = _run(name, file, functions.closes_badly, function, tmp_path, batch=batch)
    assert results == list(range(1000, 1100))
    assert "value of setup closes_badly could not be closed: OSError: the server" in caplog.text


def test_failed_close_hides_nothing(file, tmp_path):
    """Where an item has failed and the value cannot be closed, the item's error is raised."""
    with pytest.raises(ItemFailed, match="AttributeError"):
        _run("serial", file, functions.closes_badly, functions.fails_late, tmp_path)


@pytest.mark.parametrize("name", ["queue", "indexed_queue", "pool_map"])
def test_refused_by_baselines(name, file, tmp_path):
    """Baselines say before anything starts that they know no setup."""
    with pytest.raises(Unsupported, match=r"does not support setup=.*functions:takes_long"):
        _run(name, file, functions.takes_long, functions.with_value, tmp_path)


def test_from_a_main_module(file, tmp_path):
    """Lambdas and closures are sent with their code, as functions are."""
    offset = 5
    results = _run("multiprocess", file, lambda: offset, lambda item, value: item + value, tmp_path)
    assert results == list(range(1005, 1105))


def test_that_cannot_be_sent(file, tmp_path):
    """The error says that it is the setup that cannot be sent, and what of it."""
    lock = (number for number in range(3))
    with pytest.raises(
        TypeError, match=r"setup .* cannot be sent .* its variable lock, a generator"
    ):
        _run("multiprocess", file, lambda: lock, functions.with_value, tmp_path)


def test_warm_crews(file, journal, tmp_path):
    """Workers that do several runs make a value for each: it belongs to one run."""
    spec = FanoutSpec(
        "items", IntegerLines(str(file)), functions.call, setup=functions.Opens(journal)
    )
    options = Options(workers=1)
    run_strategy(_WAYS["multiprocess"], spec, tmp_path / "r", options, warm_runs=2)
    assert [line[0] for line in _noted(journal)] == ["made", "closed"] * 3
    assert len({line[1] for line in _noted(journal)}) == 1


def test_batch_of_arrow(file, journal, tmp_path):
    """What a batch is follows from the function's first parameter, with a setup as without."""
    results = _run(
        "vectorized", file, functions.Opens(journal), abs, tmp_path, batch=functions.call_table
    )
    assert results == list(range(1000, 1100))


@pytest.mark.parametrize("form", _FORMS)
def test_steps_of_a_scheduler(form, file, journal, tmp_path):
    """A step that does one chunk has a value of its own, and so has what does the rest."""
    spec = FanoutSpec(
        "items", IntegerLines(str(file)), functions.call_anywhere, setup=form(journal)
    )
    options = Options(chunks=4, workers=2)
    rest = _WAYS["serial"]
    joined = ScatteredRun.join("steps", spec, tmp_path / "r", options, "a run", rest=rest)
    chunks = joined.scatter()
    answers = [joined.run_chunk(chunk.start, chunk.stop) for chunk in chunks[:2]]
    joined.gather(answers)
    assert read_results(tmp_path / "r")["result"].tolist() == list(range(1000, 1100))
    assert [line[0] for line in _noted(journal)] == ["made", "closed"] * 3


def test_workers_that_join(tmp_path, journal):
    """Workers that auto has join have values of their own; one that fails to make its own ends the run."""
    long = write_items(tmp_path / "long.txt", 300)
    results = _run("here", long, functions.Opens(journal), functions.call_slowly, tmp_path)
    assert results == list(range(1000, 1300))
    assert len({line[1] for line in _noted(journal)}) > 1
    assert _is_balanced(journal)
    journal.unlink()
    with pytest.raises(SetupFailed, match="no other one"):
        _run("here", long, functions.FailsSecond(journal), functions.call_slowly, tmp_path)
    assert _is_balanced(journal)


@pytest.mark.parametrize("function", [functions.call_slowly, functions.fails_in_a_thread])
def test_threads_that_join(function, tmp_path, journal, monkeypatch):
    """Threads that auto has call have values of their own, and a slow close hides no error of theirs."""
    # On a busy machine, where threads wait for a core, processes would join at the very end.
    monkeypatch.setattr(growth, "processes", lambda *known: 0)
    long = write_items(tmp_path / "long.txt", 400)
    spec = FanoutSpec(
        "items",
        IntegerLines(str(long)),
        function,
        setup=functions.ClosesSlowly(journal),
        thread_safe=True,
    )
    if function is functions.call_slowly:
        run_in_memory(auto.HERE, spec, Options())
    else:
        with pytest.raises(ItemFailed, match="not in this thread"):
            run_in_memory(auto.HERE, spec, Options())
    assert len({line[2] for line in _noted(journal) if line[1] == str(os.getpid())}) > 1
    assert _is_balanced(journal)


@pytest.mark.parametrize("name", ["here", "serial", "asyncio"])
def test_in_memory(name, file, journal, tmp_path):
    """Runs that write no files have setups, too."""
    spec = FanoutSpec(
        "items", IntegerLines(str(file)), _function_of(name), setup=functions.Opens(journal)
    )
    results, _ = run_in_memory(_WAYS[name], spec, Options())
    assert [value for part in results.parts for value in part.values()] == list(range(1000, 1100))
    assert _is_balanced(journal)


def test_page(tmp_path, monkeypatch):
    """The example of docs/setup.md does what it says."""
    page = (Path(__file__).parents[3] / "docs" / "setup.md").read_text()
    example = page.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("prices.db") as database:
        database.execute("create table prices (article text, euros real)")
        database.execute("insert into prices values ('tea', 2.5)")
    database.close()
    shown = {"orders": [{"article": "tea", "count": 2}, {"article": "tea", "count": 3}]}
    exec(example, shown)
    assert list(shown.pop("results")) == [5.0, 7.5]


def test_costs_nothing_unless_used(file, tmp_path):
    """Workers of a function without a setup import nothing for it."""
    spec = FanoutSpec("items", IntegerLines(str(file)), functions.imported_for_setup)
    run_strategy(_WAYS["multiprocess"], spec, tmp_path / "results", Options(workers=1))
    assert set(read_results(tmp_path / "results")["result"]) == {""}


def test_signals_of_others(file, journal, tmp_path):
    """SIGINT from outside means nothing to a worker: only the process that started it may have it leave a call."""
    function = functions.Interrupts(os.getpid(), signal.SIGINT)
    results = _run("multiprocess", file, functions.Opens(journal), function, tmp_path)
    assert results == list(range(1000, 1100))
