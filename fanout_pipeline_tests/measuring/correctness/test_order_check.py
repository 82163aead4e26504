"""The order check finds and names every result that is lost, repeated, wrong or out of place."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy
import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import write_results
from fanout_pipeline.measuring.correctness.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.correctness.result_streams import Finding
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.failed_items import failed_items
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest, NoResults
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.chance import examples

ROOT = Path(__file__).parents[3]
MANY = 250_000
"""More than are named one by one where all of them are wrong."""


def save(path, results, part_items=60_000):
    """Commit a NumPy array of results, which is faster than a list."""
    folder = ResultFolder(path)
    with folder.writing() as generation:
        parts = [
            write_part(generation, n, start, pyarrow.array(results[start : start + part_items]))
            for n, start in enumerate(range(0, len(results), part_items))
        ]
        folder.commit(generation, Manifest("test", tuple(parts)))
    return path


@pytest.fixture(scope="module")
def squares():
    return numpy.arange(MANY) ** 2


@pytest.fixture(scope="module")
def reference(tmp_path_factory, squares):
    return save(tmp_path_factory.mktemp("reference") / "serial", squares)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return tmp_path_factory.mktemp("small")


def test_equal_results_are_faultless(reference, squares, tmp_path):
    """Equal results in the same order are found faultless, however they were parted."""
    check = check_order(save(tmp_path / "r", squares, 70_007), reference)
    assert check == OrderCheck(MANY, MANY, 0, 0, 0, 0, None, "", "")
    assert check.in_order
    assert check.complete


def test_one_swapped_pair_in_many_is_named(reference, squares, tmp_path):
    """Two results in each other's place are out of order, and nothing else, and both are named."""
    squares = squares.copy()
    squares[[23_456, 165_432]] = squares[[165_432, 23_456]]
    check = check_order(save(tmp_path / "r", squares), reference)
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (2, 0, 0, 0)
    assert not check.in_order
    assert check.complete
    assert check.first_divergent_index == 23_456
    assert check.expected_there == str(23_456**2)
    assert check.found_there == str(165_432**2)
    assert check.displaced == (
        Finding(23_456, str(165_432**2)),
        Finding(165_432, str(23_456**2)),
    )


@pytest.mark.parametrize("at", [0, 154_321, MANY - 1])
def test_one_lost_in_many_is_named(reference, squares, tmp_path, at):
    """One lost result is named, and the rest, all moved by one, is still in order."""
    check = check_order(save(tmp_path / "r", numpy.delete(squares, at)), reference)
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (0, 1, 0, 0)
    assert check.lost == (Finding(at, str(at**2)),)
    assert check.first_divergent_index == at
    assert check.expected_there == ("a result" if at == MANY - 1 else str(at**2))
    assert not check.complete


def test_one_repeated_in_many_is_named(reference, squares, tmp_path):
    """One result that is there twice is named, and the rest is still in order."""
    twice = numpy.insert(squares, 170_000, 30_000**2)
    check = check_order(save(tmp_path / "r", twice), reference)
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (0, 0, 1, 0)
    assert check.repeated == (Finding(170_000, str(30_000**2)),)
    assert check.in_order
    assert not check.complete


def test_one_wrong_in_many_is_named(reference, squares, tmp_path):
    """One wrong result is named, and what should be in its place does not count as missing as well."""
    squares = squares.copy()
    squares[150_000] = -1
    check = check_order(save(tmp_path / "r", squares), reference)
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (0, 0, 0, 1)
    assert check.foreign == (Finding(150_000, "-1"),)
    assert check.lost == ()
    assert check.expected_there == str(150_000**2)
    assert check.found_there == "-1"
    assert check.in_order
    assert check.complete


def oracle(ours, theirs):
    """Missing, duplicated and wrong as differences of multisets."""
    unmatched = Counter(theirs) - Counter(ours)
    extra = Counter(ours) - Counter(theirs)
    wrong = sum(count for value, count in extra.items() if value not in theirs)
    return max(0, unmatched.total() - wrong), extra.total() - wrong, wrong


def without(results, surplus):
    """The results without the last few of each that has no match."""
    surplus = Counter(surplus)
    kept = []
    for value in reversed(results):
        if surplus[value]:
            surplus[value] -= 1
        else:
            kept.append(value)
    return kept[::-1]


few = st.lists(st.integers(-3, 3), max_size=12)
far = st.lists(st.sampled_from([0, 1, 2**70, -(2**70)]), max_size=6)
texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6)
pairs = st.one_of(st.tuples(few, few), st.tuples(far, far), st.tuples(texts, texts))


@settings(deadline=None, max_examples=examples(40))
@given(pair=pairs, ours_items=st.integers(1, 5), their_items=st.integers(1, 5))
@example(pair=([], []), ours_items=1, their_items=1)
@example(pair=([1], []), ours_items=1, their_items=1)
@example(pair=([], [1]), ours_items=1, their_items=1)
def test_counts_are_those_of_brute_force(small, pair, ours_items, their_items):
    """Missing, duplicated, wrong and out of place are what counting by hand gives."""
    ours, theirs = pair
    write_results(small / "ours", ours, part_items=ours_items)
    write_results(small / "theirs", theirs, part_items=their_items)
    check = check_order(small / "ours", small / "theirs")
    assert (check.items, check.expected_items) == (len(ours), len(theirs))
    assert (check.missing, check.duplicated, check.wrong) == oracle(ours, theirs)
    one = without(ours, Counter(ours) - Counter(theirs))
    other = without(theirs, Counter(theirs) - Counter(ours))
    assert check.out_of_place == sum(a != b for a, b in zip(one, other, strict=True))
    shorter = min(len(ours), len(theirs))
    differing = [n for n in range(shorter) if ours[n] != theirs[n]]
    end = None if len(ours) == len(theirs) else shorter
    assert check.first_divergent_index == (differing[0] if differing else end)


@settings(deadline=None, max_examples=examples(40))
@given(
    lost=st.sets(st.integers(0, 19), max_size=4),
    wrong=st.sets(st.integers(0, 19), max_size=4),
    repeated=st.sets(st.integers(0, 19), max_size=3),
)
@example(lost={3}, wrong={10}, repeated=set())
def test_as_many_are_named_as_are_counted(small, lost, wrong, repeated):
    """Every result that is counted as missing, repeated or wrong is named, and no other."""
    write_results(small / "theirs", range(20))
    ours = [1000 + n if n in wrong else n for n in range(20) if n not in lost]
    ours += [n for n in repeated if n in ours]
    write_results(small / "ours", ours)
    check = check_order(small / "ours", small / "theirs")
    named = [len(check.lost), len(check.repeated), len(check.foreign)]
    assert named == [check.missing, check.duplicated, check.wrong]
    assert {finding.value for finding in check.foreign} == {str(1000 + n) for n in wrong - lost}
    # Side by side, nothing says which of two is lost and which is replaced by another.
    if not any({n - 1, n + 1} & (lost | wrong) for n in lost):
        assert {finding.index for finding in check.lost} == lost


def test_results_with_none_compare_equal_however_they_are_parted(small):
    """Equal results with None among them are faultless, though their parts were cut elsewhere."""
    results = [1, 2, None, 4, 0, None]
    write_results(small / "ours", results, part_items=2)
    write_results(small / "theirs", results, part_items=6)
    check = check_order(small / "ours", small / "theirs")
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (0, 0, 0, 0)
    assert check.first_divergent_index is None


def test_a_long_part_with_none_is_not_taken_for_damaged(tmp_path):
    """Whole results with None far apart are compared, not refused as other than their manifest says."""
    results = [*range(100_000), None]
    write_results(tmp_path / "ours", results)
    check = check_order(tmp_path / "ours", tmp_path / "ours")
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (0, 0, 0, 0)


def test_results_that_are_not_what_the_manifest_says_are_refused(tmp_path):
    """A part exchanged for another, as long as it, is found by its indexes or its digest."""
    write_results(tmp_path / "ours", range(20), part_items=10)
    write_results(tmp_path / "other", range(100, 120), part_items=10)
    write_results(tmp_path / "theirs", range(20), part_items=10)
    first, second = (f"part-0000{number}.parquet" for number in range(2))
    (tmp_path / "ours" / first).write_bytes((tmp_path / "ours" / second).read_bytes())
    with pytest.raises(NoResults, match="damaged"):
        check_order(tmp_path / "ours", tmp_path / "theirs")
    (tmp_path / "ours" / first).write_bytes((tmp_path / "other" / first).read_bytes())
    with pytest.raises(NoResults, match="damaged"):
        check_order(tmp_path / "ours", tmp_path / "theirs")


def test_only_a_few_of_many_are_named(small):
    """However much is wrong, the check names the first few and counts the rest."""
    write_results(small / "theirs", range(1000))
    write_results(small / "ours", range(1000, 2000))
    check = check_order(small / "ours", small / "theirs")
    assert check.wrong == 1000
    assert [finding.value for finding in check.foreign] == [str(1000 + n) for n in range(10)]


@pytest.mark.slow
def test_everything_wrong_is_counted(reference, squares, tmp_path):
    """Where too many results are wrong to be named, all are counted."""
    check = check_order(save(tmp_path / "r", -1 - squares), reference)
    assert (check.out_of_place, check.missing, check.duplicated) == (MANY, 0, 0)
    assert check.wrong == MANY


def test_missing_results_are_no_results(small, tmp_path):
    """A comparison with what was never made is an error that names it."""
    write_results(small / "ours", [1])
    with pytest.raises(NoResults, match=f"{tmp_path / 'none'} holds no complete results"):
        check_order(small / "ours", tmp_path / "none")


PEAK = """
import re, sys
from pathlib import Path
from fanout_pipeline.measuring.correctness.order_check import check_order
for size in (1, 3):
    root = Path(sys.argv[1]) / str(size)
    check_order(root / sys.argv[2], root / "serial")
    print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    root = tmp_path_factory.mktemp("sizes")
    for size in (1, 3):
        results = numpy.arange(size * 1_000_000) ** 2
        save(root / str(size) / "serial", results)
        save(root / str(size) / "equal", results)
        save(root / str(size) / "shuffled", numpy.random.RandomState(0).permutation(results))
    return root


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.parametrize("case", ["equal", "shuffled"])
def test_memory_is_flat(sizes, case):
    """Three times as many results are checked in the same memory, equal or in another order."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, sizes, case],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    one, three = map(int, done.stdout.split())
    assert three - one < 60 * 1024


def test_a_commit_during_the_check_is_not_mixed_in(tmp_path, monkeypatch):
    """Whoever commits while a check runs, the check is of the results that it began with, or fails."""
    write_results(tmp_path / "theirs", range(1000))
    write_results(tmp_path / "ours", range(999))
    read = Snapshot.batches
    begun = []

    def batches_and_a_commit(snapshot, *arguments):
        if snapshot.folder.name == "ours" and not begun:
            begun.append(write_results(tmp_path / "ours", range(5)))
        return read(snapshot, *arguments)

    monkeypatch.setattr(Snapshot, "batches", batches_and_a_commit)
    with pytest.raises(NoResults, match="was replaced while it was being read"):
        check_order(tmp_path / "ours", tmp_path / "theirs")


def quarantined(folder, values, omitted):
    """Results in which the items without a value failed, and have no row if `omitted`."""
    target = ResultFolder(folder)
    with target.writing() as generation:
        parts = []
        for number in range(0, len(values), 10):
            chunk = values[number : number + 10]
            failed = [place for place, value in enumerate(chunk) if value is None]
            rows = [value for value in chunk if value is not None] if omitted else chunk
            part = write_part(generation, number // 10, number, rows, failed if omitted else ())
            if failed:
                with failed_items(generation, number // 10) as write:
                    for place in failed:
                        row = dict.fromkeys(("where", "item", "error_type", "message"), "")
                        write(row | {"index": number + place, "traceback": ""})
            parts.append(replace(part, failed=len(failed)))
        target.commit(generation, Manifest("test", tuple(parts)))
    return folder


@pytest.mark.parametrize("omitted", [False, True], ids=["null", "omit"])
def test_what_failed_on_one_side_only_is_not_wrong(tmp_path, omitted):
    """An item that has failed in one of two runs is reported as failed; all others are compared."""
    one, other = list(range(100, 140)), list(range(100, 140))
    for place in (0, 7, 8, 25, 39):
        one[place] = None
    for place in (7, *range(10, 20)):
        other[place] = None
    ours = quarantined(tmp_path / "ours", one, omitted)
    theirs = quarantined(tmp_path / "theirs", other, omitted)
    check = check_order(ours, theirs)
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == (0, 0, 0, 0)
    assert check.items == check.expected_items == 25
    assert check.first_divergent_index is None


def test_items_are_named_by_their_indexes_where_some_have_no_row(tmp_path):
    """What is wrong is named by the item's index, not by its row, where failed items have none."""
    theirs = quarantined(tmp_path / "theirs", [None, 1, 2, None, 4, 5, 6], omitted=True)
    ours = quarantined(tmp_path / "ours", [None, 1, 2, None, 4, -5, 6], omitted=True)
    check = check_order(ours, theirs)
    assert (check.items, check.expected_items, check.wrong, check.missing) == (5, 5, 1, 0)
    assert check.foreign == (Finding(5, "-5"),)
    assert check.first_divergent_index == 5


def nudged(results, by=1e-13):
    return [value * (1 + by * (-1) ** place) for place, value in enumerate(results)]


def faults(check):
    return check.out_of_place, check.missing, check.duplicated, check.wrong


REALS = [1.5 + n / 7 for n in range(50)]


def test_last_digits_are_inexact_and_not_wrong(small):
    """Floats within the tolerance are counted apart, with the largest difference, and nothing is amiss."""
    write_results(small / "theirs", REALS, part_items=7)
    write_results(small / "ours", [*nudged(REALS[:12]), *REALS[12:]], part_items=20)
    check = check_order(small / "ours", small / "theirs", 1e-9)
    assert faults(check) == (0, 0, 0, 0)
    assert check.in_order
    assert check.complete
    assert check.inexact == 12
    assert check.largest_difference == pytest.approx(1e-13, rel=1e-2)
    assert check.first_divergent_index is None


@pytest.mark.parametrize("tolerance", [0.0, 1e-14])
def test_beyond_the_tolerance_is_wrong(small, tolerance):
    """What differs by more is wrong, as it is where the tolerance is none."""
    write_results(small / "theirs", REALS)
    write_results(small / "ours", nudged(REALS))
    check = check_order(small / "ours", small / "theirs", tolerance)
    assert faults(check) == (0, 0, 0, 50)
    assert check.inexact == 0


def test_tolerance_reaches_into_lists_and_dicts(small):
    """Floats are compared at any depth, what stands beside them exactly; NaN equals NaN."""
    theirs = [{"x": [v, float("nan")], "n": n, "t": "a"} for n, v in enumerate(REALS)]
    ours = [row | {"x": [v, float("nan")]} for row, v in zip(theirs, nudged(REALS), strict=True)]
    ours[20] = ours[20] | {"n": -1}
    ours[30] = ours[30] | {"t": "b"}
    write_results(small / "theirs", theirs)
    write_results(small / "ours", ours, part_items=9)
    check = check_order(small / "ours", small / "theirs", 1e-9)
    assert faults(check) == (0, 0, 0, 2)
    assert [finding.index for finding in check.foreign] == [20, 30]
    assert check.inexact == 48


def test_zeros_and_nans_are_equal_whatever_their_bits(small):
    """A negative zero and another NaN are neither wrong nor inexact."""
    nan = float("nan")
    write_results(small / "theirs", [0.0, nan, float("inf"), -1.0])
    write_results(small / "ours", [-0.0, -nan, float("inf"), -1.0])
    check = check_order(small / "ours", small / "theirs")
    assert faults(check) == (0, 0, 0, 0)
    assert check.inexact == 0


def test_integers_have_no_last_digits(small):
    """A large integer that differs by one is wrong, however small that is in relation."""
    write_results(small / "theirs", [10**15 + n for n in range(20)])
    write_results(small / "ours", [10**15 + n + (n == 7) * 10**3 for n in range(20)])
    check = check_order(small / "ours", small / "theirs", 1e-3)
    assert faults(check) == (0, 0, 0, 1)


def test_near_results_in_each_others_place_are_out_of_place(small):
    """Where the very same results stand elsewhere they are out of order, however near they are."""
    times = [1.7e9 + n for n in range(20)]
    write_results(small / "theirs", times)
    write_results(small / "ours", [times[1], times[0], *times[2:]])
    check = check_order(small / "ours", small / "theirs", 1e-9)
    assert faults(check) == (2, 0, 0, 0)
    assert check.inexact == 0
    assert [finding.index for finding in check.displaced] == [0, 1]


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(40))
@given(
    lost=st.sets(st.integers(0, 19), max_size=3),
    wrong=st.sets(st.integers(0, 19), max_size=3),
    repeated=st.sets(st.integers(0, 19), max_size=3),
    order=st.one_of(st.none(), st.permutations(range(20))),
    exact=st.sets(st.integers(0, 19)),
    nested=st.booleans(),
)
@example(lost={3}, wrong={10}, repeated=set(), order=None, exact=set(), nested=False)
def test_last_digits_hide_nothing(small, lost, wrong, repeated, order, exact, nested):
    """What is lost, repeated, wrong and out of place is counted as if all floats were exact."""
    wrong = wrong - lost
    repeated = repeated - lost - wrong
    values = [2.0 + n / 3 for n in range(20)]

    def results(values, changed):
        rows = {n: -values[n] if n in wrong and changed else values[n] for n in range(20)}
        kept = [n for n in (order or range(20)) if n not in lost] if changed else range(20)
        made = [rows[n] for n in kept] + [rows[n] for n in repeated if changed]
        return [{"v": [value], "t": "x"} for value in made] if nested else made

    noisy = [v if n in exact else v * (1 + 1e-12) for n, v in enumerate(values)]
    write_results(small / "theirs", results(values, False))
    write_results(small / "exact", results(values, True), part_items=6)
    write_results(small / "ours", results(noisy, True), part_items=6)
    expected = check_order(small / "exact", small / "theirs", 1e-9)
    check = check_order(small / "ours", small / "theirs", 1e-9)
    assert faults(check) == faults(expected)
    assert [f.index for f in check.lost] == [f.index for f in expected.lost]
    assert [f.index for f in check.foreign] == [f.index for f in expected.foreign]


def test_many_inexact_results_are_compared_in_a_moment(tmp_path, squares):
    """All may differ in their last digits: they are right, in order, and counted."""
    theirs = save(tmp_path / "theirs", squares + 0.5)
    ours = save(tmp_path / "ours", (squares + 0.5) * (1 + 1e-15))
    check = check_order(ours, theirs, 1e-9)
    assert faults(check) == (0, 0, 0, 0)
    assert check.inexact == MANY
