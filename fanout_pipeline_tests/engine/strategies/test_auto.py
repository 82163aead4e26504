"""auto finds the way while the work goes on, and keeps all that it does."""

import os
import threading
import time
from functools import partial

import pyarrow
import pytest
from pyarrow.parquet import write_table

from fanout_pipeline import FanoutSpec, Options, Parquet
from fanout_pipeline.engine.in_memory import run_in_memory
from fanout_pipeline.engine.model.errors import ItemFailed, Stopped
from fanout_pipeline.engine.registry import AUTO_HERE, STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.strategies import auto
from fanout_pipeline.results.read_results import read_results
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline_tests.engine.strategies import functions

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    """What is known of the machine is not what another test has learnt."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def call(function, items, log=lambda line: None, *, thread_safe=False, **options):
    spec = FanoutSpec("calls", as_source(items), function, thread_safe=thread_safe)
    results, record = run_in_memory(AUTO_HERE, spec, Options(**options), log)
    return [value for part in results.parts for value in part.values()], record


def test_quick_work_stays_in_this_thread():
    """Nothing is started for what is done in a moment, and the record says so."""
    found, record = call(lambda number: (number, threading.get_ident()), list(range(500)))
    assert {ident for _, ident in found} == {threading.get_ident()}
    assert record.worker_pids == (os.getpid(),)
    assert "this process alone" in record.why


@pytest.mark.slow
def test_reading_is_not_taken_for_calls(tmp_path):
    """That a worker imports Arrow to read its first chunk says nothing of its calls: no other is started for them."""
    write_table(pyarrow.table({"number": range(20_000)}), tmp_path / "numbers.parquet")
    source = Parquet(tmp_path / "numbers.parquet", columns=["number"])
    spec = FanoutSpec("calls", source, functions.same)
    record = run_strategy(STRATEGIES["auto"], spec, tmp_path / "out", Options(workers=2))
    assert record.why.endswith("alone, as more would not have brought the end nearer")


@pytest.mark.slow
@pytest.mark.parametrize("items", [range(2000), [str(number) for number in range(2000)]])
def test_long_work_is_joined_by_processes(items):
    """Others begin while the first goes on, and all that either has done is kept, in order."""
    found, record = call(functions.computes_2_ms, items, workers=2)
    assert [item for item, _ in found] == list(items)
    pids = {pid for _, pid in found}
    assert os.getpid() in pids
    assert len(pids) >= 2  # One more where this process hampered the other.
    assert record.workers == 2
    assert "2 processes" in record.why


@pytest.mark.slow
@pytest.mark.parametrize(("dear", "count"), [("first", 20_000), ("last", 20_000), ("last", 3000)])
def test_a_change_of_cost_changes_the_plan(dear, count):
    """Items that become dear late, or in the first milliseconds, are shared then; nothing is lost of the rest."""
    guilty = range(300) if dear == "first" else range(count - 300, count)
    function = partial(functions.dear_within, guilty.start, guilty.stop)
    found, record = call(function, range(count), workers=2)
    assert [item for item, _ in found] == list(range(count))
    assert len({pid for _, pid in found}) > 1
    assert "2 processes" in record.why


@pytest.mark.slow
def test_one_long_call_does_not_keep_others_waiting(tmp_path):
    """While the first item is called, the others are: each waits until all of them have begun."""
    call(partial(functions.meets, str(tmp_path / "here"), 3), [1, 2, 3], workers=3)


@pytest.mark.slow
@pytest.mark.parametrize("thread_safe", [False, True])
def test_others_make_what_calls_are_given_at_the_same_time(thread_safe, tmp_path, monkeypatch):
    """While setup is called here it is in another process or thread, too: each waits for the other."""
    monkeypatch.setattr(auto, "effective_cores", lambda: 2)
    setup = partial(functions.met, str(tmp_path / "here"), 2)
    how = {"setup": setup, "thread_safe": thread_safe}
    spec = FanoutSpec("calls", as_source([1, 2, 3]), functions.first_of_two, **how)
    results, _ = run_in_memory(AUTO_HERE, spec, Options(workers=2))
    assert [value for part in results.parts for value in part.values()] == [1, 2, 3]


@pytest.mark.parametrize("thread_safe", [True, False])
@pytest.mark.slow
def test_threads_call_only_where_they_may(thread_safe):
    """Calls that wait are made by several threads of this process if the function is declared thread-safe."""
    found, record = call(functions.waits_10_ms, range(300), workers=4, thread_safe=thread_safe)
    assert [item for item, _, _ in found] == list(range(300))
    threads = {ident for _, pid, ident in found if pid == os.getpid()}
    assert (len(threads) > 1) == thread_safe
    assert ("threads of this process" in record.why) == thread_safe


@pytest.mark.slow
def test_what_cannot_be_sent_stays_here():
    """A function that no process can be sent is called in this one, and the record says why."""
    numbers, lines = (number for number in range(1000)), []

    def function(number):
        next(numbers)
        return functions.computes_2_ms(number)

    found, record = call(function, range(300), lines.append, workers=2)
    assert [item for item, _ in found] == list(range(300))
    assert {pid for _, pid in found} == {os.getpid()}
    assert "generator" in record.why
    assert any("generator" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("thread_safe", [True, False])
def test_a_failed_item_ends_all_calls(thread_safe):
    """Whoever has made the call: the error names the item, and nobody goes on."""
    function = partial(functions.fails_on, 250)
    with pytest.raises(ItemFailed, match=r"item 250 .*no"):
        call(function, range(100_000), workers=2, thread_safe=thread_safe)


@pytest.mark.slow
@pytest.mark.parametrize("thread_safe", [False, True])
def test_a_call_that_is_left_makes_no_shorter_results(thread_safe):
    """A run inside a call that another run has ended raises: nobody takes what it has done so far for all."""

    def left(number):
        if number == 300:
            raise Stopped
        return number

    with pytest.raises(Stopped):
        call(left, list(range(1000)), thread_safe=thread_safe)


@pytest.mark.slow
def test_a_run_that_must_survive_begins_with_a_process(tmp_path):
    """With a folder no call is made in this process; others join where that pays."""
    spec = FanoutSpec("calls", as_source(range(1500)), functions.pid_after_2_ms)
    record = run_strategy(STRATEGIES["auto"], spec, tmp_path / "out", Options(workers=2))
    pids = set(read_results(tmp_path / "out")["result"])
    assert os.getpid() not in pids
    assert pids == set(record.worker_pids)
    assert len(pids) == 2


@pytest.mark.slow
def test_an_item_that_ends_its_process_is_named(tmp_path):
    """A call that kills its process is quarantined by a run that begins with a process; the others are made."""
    spec = FanoutSpec("calls", as_source(range(50)), partial(functions.dies_on, 7))
    options = Options(workers=2, on_error="quarantine", failed_items="omit")
    record = run_strategy(STRATEGIES["auto"], spec, tmp_path / "out", options)
    assert record.failed == 1
    assert read_results(tmp_path / "out")["result"].tolist() == [*range(7), *range(8, 50)]


def test_time_is_told_in_a_sentence():
    """The record says what an item takes."""
    _, record = call(time.sleep, [0.2] * 4)
    assert "ms an item, nearly all of it waiting" in record.why
