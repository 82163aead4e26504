"""Whichever items of a chunk fail, the others have their results and these are listed."""

import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_failures, read_results
from fanout_pipeline.engine.calls.batch import process_batch
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control
from fanout_pipeline.engine.calls.retry import FAILED, LONGEST_WAIT_SECONDS, Tries, is_worth_it
from fanout_pipeline.engine.model.errors import Stopped, failure_from, short_repr
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.strategies.inline_crew import OneByOne
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.results.store.digest import digest, value_hashes
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.types.column import to_column
from fanout_pipeline_tests.chance import examples

QUARANTINE = FailurePolicy(on_error="quarantine")
KINDS = {
    "int": int,
    "big": lambda item: item * 2**70,
    "float": float,
    "str": str,
    "bool": lambda item: item % 2 == 0,
    "nothing": lambda item: None,
}


def made(folder, run_one, work):
    """The manifest of a serial run, with chunks cut short at every item where `run_one` can."""
    target = ResultFolder(folder)
    with target.writing() as generation:
        work = Work(
            work.source,
            work.function,
            work.batch_function,
            work.chunks,
            generation,
            failures=work.failures,
        )
        parts = OneByOne(run_one).run(work, Progress("test", lambda line: None)).parts
        manifest = Manifest("test", tuple(parts))
        target.commit(generation, manifest)
    return manifest


def one_item(work, chunk, control):
    return process_chunk(work, chunk, Control(0.0))


@settings(deadline=None, max_examples=examples(120))
@given(
    fails=st.lists(st.sampled_from([False, True, "unreadable"]), max_size=40),
    chunks=st.integers(1, 9),
    kind=st.sampled_from(list(KINDS)),
    failed_items=st.sampled_from(["null", "omit"]),
    run_one=st.sampled_from([process_chunk, one_item, process_batch]),
)
@example([True] * 5, 2, "float", "omit", process_chunk)
@example([False, True, True, True], 4, "float", "null", one_item)
@example([True, False], 2, "bool", "null", process_batch)
@example(["unreadable", True, "unreadable", False], 1, "str", "null", process_batch)
@example([True, "unreadable", "unreadable", True, False], 1, "int", "omit", process_batch)
@example(["unreadable"] * 3, 2, "int", "null", process_batch)
@example(["unreadable", True, False, "unreadable"], 2, "float", "null", one_item)
def test_results_and_failures_share_out_the_items(fails, chunks, kind, failed_items, run_one):
    """Each item is in the results or among the failures, at its place, however many fail."""

    def function(item):
        if fails[item]:
            raise LookupError(item)
        return KINDS[kind](item)

    def batch_function(items):
        return [function(item) for item in items]

    policy = FailurePolicy(on_error="quarantine", failed_items=failed_items)
    with tempfile.TemporaryDirectory() as root:
        file = Path(root, "numbers.txt")
        lines = [f"{item}x" if how == "unreadable" else str(item) for item, how in enumerate(fails)]
        file.write_text("".join(f"{line}\n" for line in lines))
        source = IntegerLines(str(file))
        cuts = source.chunks(chunks)
        work = Work(
            source, function, batch_function, cuts, LocalGeneration(Path(root)), failures=policy
        )
        manifest = made(Path(root, "results"), run_one, work)
        frame = read_results(Path(root, "results"))
        failures = read_failures(Path(root, "results"))
    good = [index for index, failed in enumerate(fails) if not failed]
    bad = [index for index, failed in enumerate(fails) if failed]
    assert failures["index"].tolist() == bad
    unreadable = {index for index in bad if fails[index] == "unreadable"}
    assert failures["item"].tolist() == [
        repr(lines[index]) if index in unreadable else str(index) for index in bad
    ]
    assert failures["error_type"].tolist() == [
        "BadInput" if index in unreadable else "LookupError" for index in bad
    ]
    kept = good if policy.omits else list(range(len(fails)))
    values = [None if fails[index] else KINDS[kind](index) for index in kept]
    assert frame["index"].tolist() == kept
    assert [None if value != value else value for value in frame["result"]] == values
    assert (manifest.items, manifest.failed, manifest.rows) == (len(fails), len(bad), len(kept))
    hashes = value_hashes(*to_column(values))
    one_by_one = [digest(hashes[n : n + 1], index) for n, index in enumerate(kept)]
    assert int(manifest.digest, 16) == sum(int(one, 16) for one in one_by_one) % 2**64


def test_a_failure_is_cut_to_a_sane_length():
    """A message of megabytes, an unprintable error and half a surrogate do no harm to the list."""
    told = failure_from(ValueError("\ud800" + "x" * 10**7 + "why"), "item")
    assert len(told.message) < 2_200
    assert len(told.traceback) < 2_300
    assert told.message.startswith("\\ud800xxx")
    assert "x… (9,998,004 characters left out) …x" in told.message
    for text in (told.message, told.traceback.rstrip()):
        assert text.endswith("xxxwhy")
    long = failure_from(ValueError("\n".join(["first", *["x" * 1000] * 50, "last"])), "item")
    assert len(long.traceback) < 10_200
    assert long.traceback.startswith("ValueError: first\n")
    assert long.traceback.rstrip().endswith("\nlast")

    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError

        __repr__ = __str__

    assert "RuntimeError" in failure_from(Unprintable(), "item").message
    assert short_repr(Unprintable()) == "a Unprintable whose repr fails"


@pytest.mark.slow
def test_many_failures_are_listed_in_order(tmp_path):
    """More failures than are held in memory at a time are all listed, in order."""
    file = tmp_path / "numbers.txt"
    file.write_text("".join(f"{item}\n" for item in range(2500)))

    def function(item):
        raise LookupError(item)

    spec = FanoutSpec("fragile", IntegerLines(str(file)), function)
    for chunks in (1, 100):
        options = Options(workers=2, **asdict(QUARANTINE))
        run_strategy(
            STRATEGIES["threads"], spec, tmp_path / "results", replace(options, chunks=chunks)
        )
        failures = read_failures(tmp_path / "results")
        assert failures["index"].tolist() == list(range(2500))
        assert failures["message"].tolist() == [str(item) for item in range(2500)]


class Odd(ConnectionError):
    pass


@pytest.mark.parametrize(
    ("names", "worth"),
    [
        (("Exception",), True),
        (("Odd",), True),
        (("ConnectionError",), True),
        (("builtins.OSError",), True),
        ((f"{__name__}.Odd",), True),
        ((f"{__name__.partition('.')[0]}.Odd",), True),  # as packages export their errors
        (("TimeoutError", "other.Odd"), False),
        ((), False),
    ],
)
def test_errors_are_known_by_their_names(names, worth):
    """An error is worth a retry if it or a class that it derives from is named."""
    assert is_worth_it(Odd(), FailurePolicy(retry_on=names)) == worth


@given(st.floats(0, 60), st.integers(1, 100))
def test_waits_double_with_chance(backoff, retries):
    """Each wait is as long as the policy says, to twice that, and never over a minute."""
    tries = Tries(FailurePolicy(retries=retries, backoff_seconds=backoff), Odd())
    waited = 0
    while (seconds := tries.wait_seconds()) is not None:
        low = min(backoff * 2**waited, LONGEST_WAIT_SECONDS)
        assert low <= seconds <= min(2 * low, LONGEST_WAIT_SECONDS)
        tries.failed(Odd())
        waited += 1
    assert (waited, tries.made) == (retries, retries + 1)


def test_a_run_that_was_stopped_waits_for_no_retry():
    """A backoff of a minute ends when the run has failed elsewhere, and nothing is called any more."""
    called = []
    tries = Tries(FailurePolicy(retries=5, backoff_seconds=60.0), Odd())
    looks = iter([False, False, True])
    with pytest.raises(Stopped):
        tries.repeat(lambda: called.append(1), lambda: next(looks))
    assert called == []


def test_an_error_of_another_kind_ends_the_retries():
    """A retry that fails with an error that is not worth one is the last."""

    def call():
        raise KeyError("another")

    policy = FailurePolicy(retries=5, retry_on=("OSError",), backoff_seconds=0.0)
    tries = Tries(policy, Odd())
    assert tries.repeat(call) is FAILED
    assert (tries.made, type(tries.error)) == (2, KeyError)
