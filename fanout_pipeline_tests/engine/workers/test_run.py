"""A worker's death costs its chunk's time, never the run: with real processes, killed in many ways."""

import os
import random
import re
import signal
import threading
import time
from contextlib import suppress
from dataclasses import asdict, replace

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_failures, read_results
from fanout_pipeline.engine.model.errors import ItemFailed, WorkerDied
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scheduling import chunk_plan
from fanout_pipeline.engine.workers import limits
from fanout_pipeline_tests.engine.workers import functions

ITEMS = 300
QUARANTINE = FailurePolicy("quarantine")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(120),
]


@pytest.fixture
def file(tmp_path):
    """The numbers below 300, in lines of 1 to 8 bytes, the last without its end."""
    path = tmp_path / "numbers.txt"
    path.write_text("\n".join(f"{number:0{1 + number % 7}d}" for number in range(ITEMS)))
    return path


@pytest.fixture
def short(monkeypatch):
    """Chunks are cut short after milliseconds."""
    for name in ("_UNKNOWN_SECONDS", "_LONGEST_SECONDS", "_SHORTEST_SECONDS"):
        monkeypatch.setattr(chunk_plan, name, 0.002)


def run(file, function, folder, policy=QUARANTINE, workers=2, chunks=None, **options):
    spec = FanoutSpec("numbers", IntegerLines(str(file)), function)
    options = Options(workers=workers, start_method="spawn", **asdict(policy), **options)
    lines = []
    record = run_strategy(
        STRATEGIES["multiprocess"], spec, folder, replace(options, chunks=chunks), log=lines.append
    )
    return record, lines


def assert_only_failed(folder, guilty, items=ITEMS):
    """Exactly these items have no result; all others have their square."""
    results = read_results(folder)
    assert results["index"].tolist() == list(range(items))
    expected = [None if number in guilty else number * number for number in range(items)]
    assert (
        results["result"].astype(object).where(results["result"].notna(), None).tolist() == expected
    )
    failures = read_failures(folder)
    assert failures["index"].tolist() == sorted(guilty)
    assert failures["item"].tolist() == [str(number) for number in sorted(guilty)]
    names = {path.name for path in folder.iterdir() if not path.name.startswith("part-")}
    assert names == {"_manifest.json", *(["_failures.parquet"] if guilty else [])}
    return failures


HOW = [
    (signal.SIGKILL, "was killed by SIGKILL: out of memory?"),
    ("segfault", "was killed by SIGSEGV"),
    (signal.SIGABRT, "was killed by SIGABRT"),
    (signal.SIGRTMIN + 3, f"was killed by signal {signal.SIGRTMIN + 3}"),
    ("exit", "ended with exit code 3"),
]


@pytest.mark.parametrize(("how", "message"), HOW)
def test_an_item_that_ends_its_worker(how, message, file, tmp_path):
    """The run goes on without it: it alone is in quarantine, with how the process ended."""
    _, lines = run(file, functions.Ends(how, 200), tmp_path / "out")
    (failure,) = assert_only_failed(tmp_path / "out", {200}).to_dict("records")
    assert failure["error_type"] == "WorkerDied"
    assert failure["message"] == f"the worker process that was given only this item {message}"
    assert failure["where"] == f"line 201 of {file}"
    assert ("in __call__\n" in failure["traceback"]) == (how in ("segfault", signal.SIGABRT))
    deaths = [line for line in lines if "another one redoes its chunk" in line]
    assert len(deaths) == (4 if how == signal.SIGKILL else 3)
    assert all(message in line for line in deaths)


@pytest.mark.parametrize(("how", "message"), [HOW[0], HOW[-1]])
def test_an_item_that_ends_its_worker_ends_the_run(how, message, file, tmp_path, short):
    """Where the first failure ends the run, it names the item, its line and how the process ended."""
    folder = tmp_path / "out"
    run(file, functions.Ends(how), folder)
    before = folder.readlink()
    with pytest.raises(
        ItemFailed, match=r"item 200 \(line 201 of .*\), 200: WorkerDied: the"
    ) as caught:
        run(file, functions.Ends(how, 200), folder, FailurePolicy())
    assert message in str(caught.value)
    assert folder.readlink() == before
    assert_only_failed(folder, set())


@pytest.mark.parametrize(
    ("guilty", "workers", "chunks"),
    [
        ({0, 299}, 1, None),
        ({0, 299}, 3, 5),
        ({150, 151}, 2, 1),
        ({10, 20, 280}, 2, None),
    ],
    ids=str,
)
def test_some_guilty_items(guilty, chunks, workers, file, tmp_path):
    """First, last, beside each other, in one chunk or in several: only the guilty fail."""
    run(file, functions.Ends("exit", *guilty), tmp_path / "out", workers=workers, chunks=chunks)
    assert_only_failed(tmp_path / "out", guilty)


def test_guilty_items_among_pieces(file, tmp_path, short):
    """So it is where chunks are cut short all the time."""

    def function(number):
        time.sleep(0.001)
        if number in (3, 77, 78, 299):
            os._exit(1)
        return number * number

    run(file, function, tmp_path / "out", workers=3)
    assert_only_failed(tmp_path / "out", {3, 77, 78, 299})


def test_rows_are_left_out(file, tmp_path):
    """A guilty item may have no row; it is counted all the same."""
    policy = FailurePolicy("quarantine", failed_items="omit")
    record, _ = run(file, functions.Ends("exit", 0, 150), tmp_path / "out", policy)
    results = read_results(tmp_path / "out")
    assert results["index"].tolist() == [n for n in range(ITEMS) if n not in (0, 150)]
    assert (record.items, record.failed) == (ITEMS, 2)


@pytest.mark.parametrize("policy", [QUARANTINE, FailurePolicy()], ids=["quarantine", "fail"])
@pytest.mark.parametrize("chunks", [None, 4])
def test_a_death_that_does_not_happen_again(chunks, policy, file, tmp_path):
    """An item in whose call a worker was killed once has its result in the end."""
    function = functions.EndsOnce(tmp_path, 0, 1, 130, 299)
    record, _ = run(file, function, tmp_path / "out", policy, chunks=chunks)
    assert_only_failed(tmp_path / "out", set())
    assert len(record.worker_pids) >= 2 + len(function.items)


def test_retries_of_deaths(file, tmp_path):
    """Where retries are worth it for deaths, the item has so many more calls."""
    calls = tmp_path / "calls"

    def function(number):
        if number == 7:
            with open(calls, "a") as log:
                log.write("x")
            if calls.stat().st_size < 5:
                os._exit(1)
        return number * number

    policy = FailurePolicy("quarantine", retries=2, retry_on=("WorkerDied",), backoff_seconds=0.01)
    record, _ = run(file, function, tmp_path / "out", policy)
    assert_only_failed(tmp_path / "out", set())
    assert calls.read_text() == "xxxxx"  # once, once announced, alone, and two retries
    assert record.retried == 2


@pytest.mark.parametrize(("chunks", "short"), [(None, 0), (3, 10)], ids=["slices", "each"])
def test_an_item_that_takes_too_long(chunks, short, file, tmp_path, monkeypatch):
    """A call is ended after its time, also one that no signal of Python's would reach."""
    monkeypatch.setattr(limits, "_SHORT_SECONDS", short)  # whether every quick item is announced
    limit = 1.5
    policy = FailurePolicy("quarantine", item_timeout_seconds=limit)
    run(file, functions.hangs, tmp_path / "out", policy, chunks=chunks)
    failures = assert_only_failed(tmp_path / "out", {7, 130})
    assert failures["error_type"].tolist() == ["TimeoutError"] * 2
    assert failures["message"].tolist() == [f"took longer than {limit} s"] * 2
    assert all("in hangs\n" in traceback for traceback in failures["traceback"])


def test_an_item_that_takes_too_long_ends_the_run(file, tmp_path):
    """Where the first failure ends the run, so does a call that takes too long."""
    policy = FailurePolicy(item_timeout_seconds=1.5)
    with pytest.raises(
        ItemFailed, match=r"item 7 \(.*TimeoutError: took longer than 1\.5 s\n"
    ) as caught:
        run(
            file,
            lambda number: number if number != 7 else time.sleep(600),
            tmp_path / "out",
            policy,
        )
    assert "line" in caught.value.failure.traceback


def test_retries_have_their_own_time(file, tmp_path):
    """Neither the calls of one item together nor the waits between them are one call."""
    mark = tmp_path / "called"

    def function(number):
        time.sleep(0.7 if number == 7 else 0)
        if number == 7:
            with open(mark, "a") as log:
                log.write("x")
            if mark.stat().st_size < 8:
                raise OSError("not yet")
        return number * number

    policy = FailurePolicy("quarantine", retries=7, backoff_seconds=0, item_timeout_seconds=4)
    run(file, function, tmp_path / "out", policy)
    assert_only_failed(tmp_path / "out", set())
    assert mark.read_text() == 8 * "x"


def test_many_items_that_are_not_late(file, tmp_path):
    """Many calls that together take much longer than one may are no reason to end any."""

    def function(number):
        time.sleep(0.02)
        return number * number

    policy = FailurePolicy(item_timeout_seconds=2)
    record, lines = run(file, function, tmp_path / "out", policy)
    assert_only_failed(tmp_path / "out", set())
    assert not [line for line in lines if "another one redoes its chunk" in line]
    assert len(record.worker_pids) == 2


def test_quick_items_and_then_slow_ones(tmp_path):
    """A slice of items that were quick so far and are not is no late call."""
    file = tmp_path / "many.txt"
    file.write_text("".join(f"{number}\n" for number in range(4200)))

    def function(number):
        if number >= 4000:
            time.sleep(0.02)
        return number * number

    run(file, function, tmp_path / "out", FailurePolicy(item_timeout_seconds=2), workers=1)
    assert_only_failed(tmp_path / "out", set(), 4200)


def test_an_item_that_takes_too_much_memory(file, tmp_path):
    """A worker over its limit is ended, and the item that makes it grow is the one that fails."""

    def function(number):
        hoard = []
        while number == 150:
            if len(hoard) < 100:  # There may be no more, should nobody look for a while.
                hoard.append(os.urandom(2**20) * 8)
            time.sleep(0.005)
        return number * number

    run(file, function, tmp_path / "out", worker_memory_mb=400)
    (failure,) = assert_only_failed(tmp_path / "out", {150}).to_dict("records")
    assert re.search(
        r"used \d+ MiB, more than worker_memory_mb=400, and was ended$", failure["message"]
    )


def test_a_limit_under_what_every_worker_needs(file, tmp_path):
    """A limit that nothing can keep ends the run soon, and says so."""
    with pytest.raises(
        WorkerDied, match=r"more than worker_memory_mb=5, and was ended\. Nothing was committed"
    ):
        run(file, functions.never_returns, tmp_path / "out", worker_memory_mb=5)


def test_workers_that_grow_are_replaced(file, tmp_path, short):
    """Workers that keep memory from call to call are replaced before they reach their limit."""
    record, lines = run(file, functions.hoards, tmp_path / "out", worker_memory_mb=250)
    assert_only_failed(tmp_path / "out", set())
    assert len(record.worker_pids) > 2
    assert not [line for line in lines if "another one redoes its chunk" in line]


WORKER = "fanout_pipeline.engine.workers.main import main"


class Killer(threading.Thread):
    """Kills a worker at a random moment after each new part, one that has just begun or any other.

    Leaves a file once it has killed two, and does not wait for parts for ever.
    """

    def __init__(self, folder, seed, two):
        super().__init__(daemon=True)
        self.folder = folder
        self.two = two
        self.random = random.Random(seed)
        self.stop = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *raised):
        self.stop.set()
        self.join()

    def run(self):
        parent, parts, killed, last = psutil.Process(), 0, 0, time.monotonic()
        while not self.stop.wait(0.005):
            now = len(list(self.folder.rglob("part-*.parquet")))
            if now == parts and (self.two.exists() or time.monotonic() < last + 2):
                continue
            parts, last = now, time.monotonic()
            self.stop.wait(self.random.choice([0, 0.05, 0.3]) * self.random.random())
            workers = [child for child in parent.children() if is_worker(child)]
            if workers:
                with suppress(psutil.NoSuchProcess):
                    self.random.choice(workers).kill()
                    killed += 1
            if killed == 2:
                self.two.touch()


def is_worker(process):
    """Not multiprocessing's resource tracker, nor what has ended: other tests may have left them."""
    with suppress(psutil.Error):
        return WORKER in " ".join(process.cmdline())
    return False


@pytest.mark.parametrize(("chunks", "seed"), [(None, 0), (None, 1), (6, 2)])
def test_workers_are_killed_at_random(chunks, seed, tmp_path):
    """Whenever workers are killed, the results are the same, to the digest."""
    file = tmp_path / "many.txt"
    file.write_text("".join(f"{number}\n" for number in range(20_000)))
    two = tmp_path / "two are killed"
    two.touch()

    def function(number):
        if number % 20 == 0:
            time.sleep(0.002)
        while number == 19_999 and not two.exists():
            time.sleep(0.01)
        return number * number

    expected, _ = run(file, function, tmp_path / "expected", FailurePolicy(), chunks=chunks)
    folder = tmp_path / "killed" / "out"
    two.unlink()
    with Killer(tmp_path / "killed", seed, two):
        record, _ = run(file, function, folder, FailurePolicy(), chunks=chunks, workers=3)
    assert record.digest == expected.digest
    assert_only_failed(folder, set(), 20_000)


def test_a_death_is_noticed_whoever_holds_the_channel(file, tmp_path):
    """A worker that is dead is missed, also while a process that its function forked lives on."""

    def function(number):
        if number == 7 and not os.fork():
            deadline = time.monotonic() + 60
            while not (tmp_path / "ended").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            os._exit(0)
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number

    run(file, function, tmp_path / "out")
    (tmp_path / "ended").touch()
    assert_only_failed(tmp_path / "out", {7})


def test_usage_of_the_dead_is_counted(file, tmp_path):
    """CPU time that went into a worker which was killed is in the account."""

    def function(number):
        if number == 299:
            deadline = time.thread_time() + 0.3
            while time.thread_time() < deadline:
                pass
            os._exit(1)
        return number * number

    record, _ = run(file, function, tmp_path / "out", workers=1)
    assert len(record.worker_pids) >= 4
    assert record.cpu_seconds > 0.9
    assert not any(map(psutil.pid_exists, record.worker_pids))
