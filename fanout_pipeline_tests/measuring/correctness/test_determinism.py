"""Whether the function contradicts itself is asked before its results are called lost or wrong."""

import os
import random
import time

import pytest

from fanout_pipeline import FanoutSpec, TextLines, write_results
from fanout_pipeline.engine.workers.repeated_calls import RepeatingWorker
from fanout_pipeline.measuring.correctness import determinism
from fanout_pipeline.measuring.correctness.determinism import DeterminismTest, results_again
from fanout_pipeline.measuring.correctness.order_check import Contradiction, check_order
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline_tests.measuring.correctness.generated_functions import (
    CONSISTENT,
    CONTRADICTORY,
    LINES,
)

pytestmark = pytest.mark.slow

FUNCTIONS = [*CONTRADICTORY, *CONSISTENT]
ITEMS = len(LINES)


def any_function(item):
    """All of them in one, so that all are called in the same few processes."""
    number, line = item
    return FUNCTIONS[number](line)


@pytest.fixture(scope="module")
def batch():
    """By the function's number: what each gives here, elsewhere, and when it is asked again."""
    calls = [(number, line) for number in range(len(FUNCTIONS)) for line in LINES]
    with RepeatingWorker({"PYTHONHASHSEED": "99"}) as elsewhere:
        elsewhere.call_each(any_function, calls[::-1])  # as workers have no order among them
        assert elsewhere.has_begun(time.monotonic() + 60)
        there = [answer for _, answer in elsewhere.results(time.monotonic() + 120)][::-1]
    asked = results_again(any_function, dict(enumerate(calls)), 0.1)
    batched = []
    for number, function in enumerate(FUNCTIONS):
        first = number * ITEMS
        again = {index: asked[first + index] for index in range(ITEMS)}
        other = [answer[0] for answer in there[first : first + ITEMS]]
        batched.append((list(map(function, LINES)), other, again))
    return batched


def judged(tmp_path, function, reference, ours, again):
    """The check of `ours` without and with the question."""
    source = TextLines(str(tmp_path / "lines.txt"))
    (tmp_path / "lines.txt").write_text("".join(f"{line}\n" for line in LINES))
    write_results(tmp_path / "serial", reference, part_items=7)
    write_results(tmp_path / "ours", ours, part_items=5)
    made, theirs = Snapshot.of(tmp_path / "ours"), Snapshot.of(tmp_path / "serial")
    found = check_order(made, theirs, 1e-9)
    determinism = DeterminismTest(
        FanoutSpec("lines", source, function),
        call_again=lambda called, items, seconds: {index: again[index] for index in items},
    )
    return found, determinism.judge(found, made, theirs, keeps_order=True)


@pytest.mark.parametrize("number", range(len(CONTRADICTORY)))
def test_what_contradicts_itself_is_not_called_lost(tmp_path, batch, number):
    """Fifty functions that depend on more than their item: no result is called lost, wrong or out of place."""
    reference, ours, again = batch[number]
    found, check = judged(tmp_path, FUNCTIONS[number], reference, ours, again)
    assert not found.faultless, "it was to differ"
    assert check.contradiction is not None
    assert check.faultless
    assert check.in_order
    assert (check.displaced, check.lost, check.repeated, check.foreign) == ((), (), (), ())
    assert check.contradiction.one != check.contradiction.other
    assert check.contradiction.item == repr(LINES[check.contradiction.index])


def lost(results):
    return results[:5] + results[6:]


def repeated(results):
    return [*results[:9], results[2], *results[9:]]


def swapped(results):
    results = list(results)
    other = next(n for n in range(1, ITEMS) if repr(results[n]) != repr(results[0]))
    results[0], results[other] = results[other], results[0]
    return results


def replaced(results):
    """By other items' results."""
    return [results[0]] * 2 + results[2:-1] + [results[0]]


def reversed_(results):
    return results[::-1]


DAMAGES = [lost, repeated, swapped, replaced, reversed_]


@pytest.mark.parametrize("number", range(len(CONSISTENT)))
@pytest.mark.parametrize("turn", [0, 1])
def test_damage_is_not_blamed_on_the_function(tmp_path, batch, number, turn):
    """Fifty functions of their item alone, results lost, repeated or moved: the check stays as it was."""
    reference, _, again = batch[len(CONTRADICTORY) + number]
    damage = DAMAGES[(number + 2 * turn) % len(DAMAGES)]
    function = CONSISTENT[number]
    found, check = judged(tmp_path, function, reference, damage(list(reference)), again)
    assert check == found
    if damage in (lost, repeated, swapped):
        assert not check.faultless


def test_a_change_of_last_digits_is_no_contradiction(tmp_path, batch):
    """Calls that differ within the tolerance do not contradict each other; what is wrong stays wrong."""
    results = [float(len(line)) for line in LINES]
    again = {n: [value, value * (1 + 1e-13)] for n, value in enumerate(results)}
    found, check = judged(tmp_path, len, results, [*results[:-1], 0.5], again)
    assert check == found
    assert check.wrong == 1


def test_really_lost_results_of_such_a_function_are_counted(tmp_path, batch):
    """Where there are fewer results than items, so many are missing, whatever the function does."""
    reference, ours, again = batch[0]
    _, check = judged(tmp_path, FUNCTIONS[0], reference, ours[:-3], again)
    assert check.contradiction is not None
    assert (check.missing, check.duplicated, check.wrong) == (3, 0, 0)


def test_the_finding_names_item_both_results_and_causes():
    """A reader knows which item to try, and what to look for."""
    sentence = Contradiction(7, "'to be'", "'a'", "'b'").sentence
    assert "different results for the same item: for 'to be' (index 7) 'a' and 'b'" in sentence
    assert "the order of a set" in sentence


def unfriendly(line):
    match line:
        case "raises":
            raise ValueError(line)
        case "exits":
            raise SystemExit(line)
        case "strange":
            return object()
        case "hangs":
            time.sleep(600)
    return random.random()


def test_a_call_that_goes_wrong_costs_its_result_only(monkeypatch, leaves_nothing):
    """One that raises, gives what no column holds, or never returns does not take the check with it."""
    monkeypatch.setattr(determinism, "CALL_SECONDS", (4.0, 4.0))
    items = ("fine", "raises", "exits", "strange", "hangs")
    found = results_again(unfriendly, dict(enumerate(items)), 0.0)
    assert len(set(found[0])) >= 3
    assert [found[index] for index in range(1, len(items))] == [[]] * 4


def dies(line):
    os._exit(3)


def test_a_function_that_ends_its_process_leaves_nothing_known(leaves_nothing):
    """Without a single answer there is no contradiction, and no error."""
    assert results_again(dies, {0: "a", 1: "b"}, 0.0) == {0: [], 1: []}


def test_a_function_that_cannot_be_sent_leaves_nothing_known(leaves_nothing):
    """As for a worker process, what holds a lock cannot travel: then nobody is asked."""
    import threading

    lock = threading.Lock()
    assert results_again(lambda line: lock, {0: "a"}, 0.0) == {0: []}


def test_a_seed_that_the_user_has_fixed_is_kept(monkeypatch):
    """With PYTHONHASHSEED set hash() is the same everywhere, and says nothing against the function."""
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    ((one, *others),) = results_again(hash, {0: "text"}, 0.0).values()
    assert set(others) == {one}
