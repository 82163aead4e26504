"""Chunks that somebody else's steps run: what is made visible is what the steps answered with."""

import pytest

from fanout_pipeline.fanout.contract import FanoutSpec
from fanout_pipeline.fanout.policy import FailurePolicy
from fanout_pipeline.fanout.scattered import gather, go_on, run_scattered, scatter
from fanout_pipeline.parts import ResultFolder, read_failures
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
