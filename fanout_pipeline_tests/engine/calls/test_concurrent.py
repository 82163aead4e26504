"""`asyncio` has calls in flight beside each other: within its limit, in order, all or nothing."""

import asyncio
import threading
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.calls import event_loop
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.results import write as writing
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.contract.checks import assert_same_results
from fanout_pipeline_tests.contract.functions import returning
from fanout_pipeline_tests.contract.runs import run, run_warm, write_items
from fanout_pipeline_tests.processes import interrupt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def file(tmp_path):
    """100 items, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


class Gate:
    """An async function whose calls wait until `opens` lets them go; notes what became of each."""

    def __init__(self, opens):
        self.opens = opens
        self.begun = []
        self.ended = []
        self.cancelled = []
        self.most = 0
        self.changed = asyncio.Condition()

    async def __call__(self, number):
        self.begun.append(number)
        self.most = max(self.most, len(self.begun) - len(self.ended))
        try:
            async with self.changed:
                self.changed.notify_all()
                await self.changed.wait_for(partial(self.opens, self, number))
                self.ended.append(number)
                self.changed.notify_all()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return number


@pytest.mark.parametrize("concurrency", [1, 7, 1000])
@pytest.mark.parametrize("chunks", [1, 4, 50])
def test_the_limit_is_used_and_kept(concurrency, chunks, file, tmp_path):
    """As many calls are in flight as may be, over the borders of chunks, and never more."""
    most = min(concurrency, 100)
    gate = Gate(lambda gate, number: gate.most == most)
    run("asyncio", file, gate, tmp_path / "asyncio", chunks=chunks, concurrency=concurrency)
    assert gate.most == most
    assert_same_results(tmp_path / "asyncio", file, returning.same)


def test_a_late_item_keeps_no_other_waiting(file, tmp_path):
    """The first item may end last: the items of later chunks are called meanwhile, in order."""
    gate = Gate(lambda gate, number: number != 1000 or len(gate.ended) == 99)
    run("asyncio", file, gate, tmp_path / "asyncio", chunks=20, concurrency=50)
    assert gate.begun == list(range(1000, 1100))
    assert gate.ended[-1] == 1000
    assert_same_results(tmp_path / "asyncio", file, returning.same)


def test_memory_is_flat(tmp_path, monkeypatch):
    """Three chunks are in memory at most, also while the first waits for its last call."""
    many = write_items(tmp_path / "many.txt", 1000)
    held = [0]
    read, write = IntegerLines.read, writing.write_part

    def counting_read(source, chunk):
        held.append(held[-1] + 1)
        return read(source, chunk)

    def counting_write(*arguments):
        held.append(held[-1] - 1)
        return write(*arguments)

    monkeypatch.setattr(IntegerLines, "read", counting_read)
    monkeypatch.setattr(writing, "write_part", counting_write)
    gate = Gate(lambda gate, number: number != 1000 or len(gate.ended) == 999)
    run("asyncio", many, gate, tmp_path / "asyncio", chunks=10, concurrency=5)
    assert max(held) == 3
    assert_same_results(tmp_path / "asyncio", many, returning.same)


@pytest.mark.hypothesis
def test_results_stand_in_the_order_of_the_items(tmp_path):
    """In whatever order the calls end, each result is at its item's place."""
    delays = {}

    async def function(number):
        for _ in range(delays.get(number, 0)):
            await asyncio.sleep(0)
        return -number

    @settings(max_examples=examples(80), deadline=None, database=None)
    @given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 20))
    def body(drawn, chunks):
        file = write_items(tmp_path / "numbers.txt", len(drawn))
        delays.clear()
        delays.update(enumerate(drawn, 1000))
        spec = FanoutSpec("work", IntegerLines(str(file)), function)
        run_warm("asyncio", crew, spec, tmp_path / "asyncio", chunks)
        results = read_results(tmp_path / "asyncio")["result"].tolist()
        assert results == [-1000 - index for index in range(len(drawn))]

    with STRATEGIES["asyncio"].start(Options(workers=1, concurrency=8)) as crew:
        body()


def test_of_those_that_fail_at_once_the_first_is_named(file, tmp_path):
    """Two calls fail in one turn of the event loop, the later item's first: the earlier is named."""
    gates = {}

    async def function(number):
        if number == 1099:
            gates[1060].set()
            gates[1030].set()
        gates[number] = asyncio.Event()
        await gates[number].wait()
        raise ValueError(f"{number} failed")

    with pytest.raises(ItemFailed, match="1030 failed") as caught:
        run("asyncio", file, function, tmp_path / "asyncio")
    assert caught.value.failure.index == 30


def test_a_failure_cancels_what_is_in_flight(file, tmp_path):
    """After a failure nothing is called any more, what waits is cancelled, nothing is written."""

    def opens(gate, number):
        if number == 1007 and len(gate.begun) == 10:
            raise ZeroDivisionError
        return False

    gate = Gate(opens)
    with pytest.raises(ItemFailed, match="item 7 "):
        run("asyncio", file, gate, tmp_path / "asyncio", concurrency=10)
    assert gate.begun == list(range(1000, 1010))
    assert sorted(gate.cancelled) == [n for n in gate.begun if n != 1007]
    assert not (tmp_path / "asyncio").exists()


def test_bad_input_cancels_what_is_in_flight(file, tmp_path):
    """A line that cannot be read ends a run whose calls would wait for ever."""
    file.write_text(file.read_text() + "x\n")
    gate = Gate(lambda gate, number: False)
    with pytest.raises(BadInput, match="line 101"):
        run("asyncio", file, gate, tmp_path / "asyncio")
    assert sorted(gate.cancelled) == gate.begun


def test_a_failure_while_giving_up_is_not_the_runs(file, tmp_path):
    """What a call raises because it was cancelled is not taken for the failure of its item."""

    async def function(number):
        if number == 1050:
            raise ZeroDivisionError
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("closed") from None

    with pytest.raises(ItemFailed, match=r"item 50 .*ZeroDivisionError"):
        run("asyncio", file, function, tmp_path / "asyncio")


@pytest.mark.parametrize("name", ["serial", "threads", "asyncio"])
def test_no_task_is_left(name, file, tmp_path):
    """A task that a call began and left alone is cancelled when the process's event loop is closed."""
    began, cancelled, kept = [], [], []

    async def forever():
        began.append(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    async def function(number):
        kept.append(asyncio.create_task(forever()))
        await asyncio.sleep(0)
        return number

    run(name, file, function, tmp_path / name)
    assert len(began) == len(kept) == 100
    assert not cancelled
    event_loop.close()
    assert len(cancelled) == 100


@pytest.mark.parametrize("name", ["serial", "asyncio"])
def test_a_wait_without_an_end_can_be_interrupted(name, file, tmp_path):
    """Ctrl-C reaches a call that would never end, which is cancelled and can clean up."""
    called = threading.Event()

    def opens(gate, number):
        called.set()
        return False

    gate = Gate(opens)
    thread = interrupt(called.is_set, delay=0.1)
    with pytest.raises(KeyboardInterrupt):
        run(name, file, gate, tmp_path / name)
    thread.join()
    assert gate.ended == []
    assert set(gate.cancelled) <= set(gate.begun)
    assert len(gate.cancelled) >= len(gate.begun) - 1
