"""Chunks that somebody else's steps run: what is made visible is what the steps answered with."""

import threading
import time

import pytest

from fanout_pipeline.defs.chunk_json import ANSWER, PLAN
from fanout_pipeline.fanout.contract import FanoutSpec
from fanout_pipeline.fanout.policy import FailurePolicy
from fanout_pipeline.fanout.scattered import CannotGoOn, gather, go_on, run_scattered, scatter
from fanout_pipeline.parts import ResultFolder, read_failures, read_results
from fanout_pipeline.parts.atomic import CannotWrite
from fanout_pipeline.sources import IntegerLines

COUNT = 40


def fails_on_fifths(item):
    if item % 5 == 0:
        raise ValueError(item)
    return item


@pytest.fixture
def target(tmp_path):
    (tmp_path / "numbers.txt").write_text("".join(f"{n}\n" for n in range(COUNT)))
    return ResultFolder(tmp_path / "numbers" / "steps")


def spec_of(target, function):
    return FanoutSpec(
        "numbers", IntegerLines(str(target.path.parents[1] / "numbers.txt")), function
    )


@pytest.mark.parametrize("policy", [FailurePolicy(), FailurePolicy(on_error="quarantine")])
def test_gather_can_be_repeated(target, policy):
    """A gather that ended after the results were visible may be run again, and changes nothing."""
    spec = spec_of(target, fails_on_fifths if policy.quarantines else abs)
    plan = scatter(spec, target, "a run", 4, policy)
    answers = [run_scattered(spec, target, plan, number) for number in range(4)]
    first = gather("steps", spec, target, plan, answers, 2)
    before = {path.name: path.read_bytes() for path in target.path.iterdir()}
    go_on(spec, target, plan, gathering=True)
    second = gather("steps", spec, target, plan, answers, 2)
    assert (second.digest, second.failed) == (first.digest, first.failed)
    assert {path.name: path.read_bytes() for path in target.path.iterdir()} == before
    assert len(read_failures(target.path)) == first.failed


def in_tens(item):
    return {"tens": [item] * (item // 10)}


def test_nested_results_of_steps_are_of_one_kind(target):
    """What a step answers with is carried as JSON, its kind too, and the chunks' kinds are put together."""
    spec = spec_of(target, in_tens)
    plan = PLAN.validate_json(PLAN.dump_json(scatter(spec, target, "a run", 4)))
    answers = [
        ANSWER.validate_json(ANSWER.dump_json(run_scattered(spec, target, plan, number)))
        for number in range(4)
    ]
    gather("steps", spec, target, plan, answers, 2)
    assert read_results(target.path)["result"].tolist() == list(map(in_tens, range(COUNT)))


def test_steps_whose_results_are_of_two_types_replace_nothing(target, earlier):
    """Where chunks gave two types gather says so, and earlier results stay."""
    spec = spec_of(target, lambda item: item if item < 35 else str(item))
    plan = scatter(spec, target, "a run", COUNT)
    answers = [run_scattered(spec, target, plan, number) for number in range(len(plan.chunks))]
    with pytest.raises(TypeError, match=r"int and str; .* the part that begins with item 35"):
        gather("steps", spec, target, plan, answers, 2)
    assert read_results(target.path)["result"].tolist() == earlier


def time_of_call(item):
    return time.time_ns()


@pytest.fixture
def earlier(target):
    """What is visible, of an earlier run."""
    spec = spec_of(target, abs)
    plan = scatter(spec, target, "an earlier run", 4)
    answers = [run_scattered(spec, target, plan, number) for number in range(4)]
    gather("steps", spec, target, plan, answers, 2)
    return list(range(COUNT))


def test_a_chunk_that_was_run_twice_replaces_nothing(target, earlier):
    """A step that outlived its run and wrote over another's part: an error, and earlier results stay."""
    spec = spec_of(target, time_of_call)
    plan = scatter(spec, target, "a run", 4)
    answers = [run_scattered(spec, target, plan, number) for number in range(4)]
    run_scattered(spec, target, plan, 2)
    with pytest.raises(CannotGoOn, match="Part 2 is not the one that its step answered with"):
        gather("steps", spec, target, plan, answers, 2)
    assert read_results(target.path)["result"].tolist() == earlier


def test_a_list_of_failed_items_that_is_gone_replaces_nothing(target, earlier):
    """Parts are made visible with the list of what failed in them, or not at all."""
    spec = spec_of(target, fails_on_fifths)
    plan = scatter(spec, target, "a run", 4, FailurePolicy(on_error="quarantine"))
    answers = [run_scattered(spec, target, plan, number) for number in range(4)]
    (target.generation("a run") / "failed-00001.parquet").unlink()
    with pytest.raises(CannotGoOn, match="Part 1 is not the one that its step answered with"):
        gather("steps", spec, target, plan, answers, 2)
    assert read_results(target.path)["result"].tolist() == earlier


def test_a_step_that_ends_after_the_commit_changes_nothing(target):
    """A step that outlives its run cannot write over what is visible, whenever it gets to it."""
    waits, goes = threading.Event(), threading.Event()

    def slow(item):
        if threading.current_thread() is orphan:
            waits.set()
            goes.wait(60)
        return time.time_ns()

    def outlive():
        try:
            run_scattered(spec, target, plan, 0)
        except CannotWrite as error:
            refused.append(str(error))

    refused = []
    orphan = threading.Thread(target=outlive)
    spec = spec_of(target, slow)
    plan = scatter(spec, target, "a run", 4)
    orphan.start()
    assert waits.wait(60)
    answers = [run_scattered(spec, target, plan, number) for number in range(4)]
    gather("steps", spec, target, plan, answers, 2)
    before = read_results(target.path)["result"].tolist()
    goes.set()
    orphan.join()
    assert "The folder was removed while the run wrote to it" in refused[0]
    assert read_results(target.path)["result"].tolist() == before
    hidden = target.path.with_name(".steps")
    assert [path for path in hidden.iterdir() if path.is_dir()] == [target.path.resolve()]
