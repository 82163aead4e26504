"""Whatever workers die of, exactly the guilty items fail; without processes, in any order of events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline_tests.engine.scheduling.simulated_deaths import Run

QUARANTINE = FailurePolicy("quarantine")
KINDS = st.sampled_from(["crash", "kill", "late"])


@st.composite
def runs(draw, policy=QUARANTINE):
    items = draw(st.integers(1, 30))
    guilty = draw(st.dictionaries(st.integers(0, items - 1), KINDS, max_size=5))
    return Run(
        items,
        guilty,
        policy,
        workers=draw(st.integers(1, 4)),
        chunks=draw(st.integers(1, items)),
        fixed=draw(st.booleans()),
    )


def go_on(run, data, chance_deaths=0):
    """Let workers go on in any order, and some be killed by chance, until the run is over."""
    struck = set()
    """Items that were killed by chance when they were alone: no item is twice."""
    for _ in range(2000):
        if run.over():
            return
        worker = data.draw(st.sampled_from(sorted(run.busy)))
        chunk = run.busy[worker].chunk
        alone = {chunk.start} if run.busy[worker].alone else set()
        if chance_deaths and not alone & struck and data.draw(st.booleans()):
            chance_deaths -= 1
            struck |= alone
            places = st.none() | st.integers(chunk.start, chunk.stop - 1)
            announced = run.busy[worker].suspect is not None
            run.dies(worker, data.draw(places), "kill", announced, begun=data.draw(st.booleans()))
        else:
            run.works(worker, data.draw(st.none() | st.integers(chunk.start + 1, chunk.stop)))
    raise AssertionError("the run does not end")


def assert_exactly_the_guilty_failed(run):
    assert run.failures.keys() == run.guilty.keys()
    assert sorted(run.done) == sorted(set(range(run.items)) - run.guilty.keys())


@settings(deadline=None)
@given(run=runs(), data=st.data())
def test_exactly_the_guilty_fail(run, data):
    """Every other item has its result, once; a failed one has none."""
    go_on(run, data)
    assert_exactly_the_guilty_failed(run)


@settings(deadline=None)
@given(run=runs(), data=st.data())
def test_workers_that_are_killed_by_chance_harm_nobody(run, data):
    """Workers may be killed at any moment, before a chunk, in a call, after it: nobody is blamed."""
    go_on(run, data, chance_deaths=3)
    assert_exactly_the_guilty_failed(run)


@settings(deadline=None)
@given(run=runs(), data=st.data())
def test_an_item_whose_call_ends_a_worker_once_is_innocent(run, data):
    """Its second call succeeds: that is its result. Only one that was late has had its time."""
    run.dies_once = {item for item, kind in run.guilty.items() if kind != "late"}
    go_on(run, data)
    assert run.failures.keys() == run.guilty.keys() - run.dies_once


@settings(deadline=None)
@given(run=runs(), data=st.data())
def test_an_item_is_killed_alone_before_it_is_guilty(run, data):
    """Nobody is guilty of a crash that did not happen again when it was called alone."""
    go_on(run, data)
    for item, kind in run.guilty.items():
        least = {"late": 1, "crash": 2, "kill": 3}[kind]
        assert least <= run.calls[item] <= least + 1


def test_one_is_killed_by_chance_while_it_is_alone():
    """An item that was killed from outside when it was alone gets another chance, and no more."""
    run = Run(1, {}, QUARANTINE, workers=1, chunks=1)
    run.dies(0, 0, "kill")
    assert run.busy[0].alone
    run.dies(0, 0, "kill")
    assert run.busy[0].alone
    run.works(0)
    assert run.over()
    assert (run.done, run.failures) == ([0], {})


@pytest.mark.parametrize(
    ("kind", "retry_on", "calls"),
    [
        ("late", ("Exception",), 3),
        ("late", ("TimeoutError",), 3),
        ("late", ("ValueError",), 1),
        ("late", ("WorkerDied",), 1),
        ("crash", ("Exception",), 5),
        ("crash", ("WorkerDied",), 5),
        ("crash", ("fanout_pipeline.WorkerDied",), 5),
        ("crash", ("TimeoutError",), 3),
    ],
)
def test_retries(kind, retry_on, calls):
    """Deaths and calls that take too long are tried again as other failures are."""
    policy = FailurePolicy("quarantine", retries=2, retry_on=retry_on, backoff_seconds=1)
    run = Run(3, {1: kind}, policy, workers=1, chunks=1)
    while not run.over():
        run.works(0)
    assert run.calls[1] == calls
    assert_exactly_the_guilty_failed(run)
    tried_again = "(tried 3 times)" in run.failures[1].message
    assert tried_again == (calls - {"late": 1, "crash": 3}[kind] == 2)
    assert tried_again == (run.now >= 3)  # 1 s and 2 s at least


def test_what_failed_says_why():
    """A failure has the type, the way in which the worker ended, and its stack where there is one."""
    run = Run(2, {0: "crash", 1: "late"}, QUARANTINE, workers=1, chunks=1)
    while not run.over():
        run.works(0)
    assert run.failures[0].error_type == "WorkerDied"
    assert "was killed by SIGSEGV" in run.failures[0].message
    assert (run.failures[1].error_type, run.failures[1].message) == ("TimeoutError", "took longer")


def test_deaths_outside_of_calls_end_the_run():
    """Where nothing can be learnt, as with too little memory for anything, the run ends soon."""
    run = Run(64, {}, QUARANTINE, workers=1, chunks=1)
    for _ in range(4):
        run.dies(0, None, "crash")
    with pytest.raises(WorkerDied, match=r"5 worker processes .* same chunk, 0 to 8 of"):
        run.dies(0, None, "crash")


def test_workers_that_cannot_begin_end_the_run():
    """So do workers that die one after the other before they begin."""
    run = Run(64, {}, QUARANTINE, workers=3, chunks=3)
    for number in range(15):
        run.dies(number % 3, None, "crash", begun=False)
    with pytest.raises(
        WorkerDied, match="16 worker processes in a row ended before they had begun"
    ):
        run.dies(0, None, "crash", begun=False)


def test_a_result_that_cannot_be_written():
    """An item after whose call, alone, worker after worker dies is guilty, too."""
    run = Run(1, {}, QUARANTINE, workers=1, chunks=1)
    run.dies(0, 0, "crash")
    for _ in range(5):
        assert run.busy[0].alone
        run.dies(0, None, "crash", after_calls=True)
    run.works(0)
    assert run.failures.keys() == {0}
