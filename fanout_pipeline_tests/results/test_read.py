"""Committed results are read back in order, exactly, or the reason why not is said."""

import numpy
import pandas
import pytest

from fanout_pipeline import iter_results, read_results, write_results
from fanout_pipeline.results.read import first_results
from fanout_pipeline.results.store.manifest import Manifest, NoResults


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "squares" / "serial"


@pytest.mark.parametrize(
    ("results", "dtype"),
    [
        ([3, 1, 2], "int64"),
        ([2**63 - 1, -(2**63)], "int64"),
        ([1, 2**70, -(10**30), 4], "object"),
        ([0.5, float("inf")], "float64"),
        (["b", "a"], pandas.Series(["b", "a"]).dtype),
        ([True, False], "bool"),
        ([], "int64"),
    ],
    ids=["int", "int64 limits", "wide", "float", "str", "bool", "empty"],
)
@pytest.mark.parametrize("part_items", [1, 100])
def test_a_frame_holds_index_and_result_in_order(folder, results, dtype, part_items):
    """Results are a DataFrame of `index` and `result`, in the items' order, however they were parted."""
    write_results(folder, results, part_items=part_items)
    frame = read_results(folder)
    assert list(frame.columns) == ["index", "result"]
    assert frame["index"].dtype == "int64"
    assert frame["index"].tolist() == list(range(len(results)))
    assert frame["result"].dtype == dtype
    assert frame["result"].tolist() == results
    assert frame.index.equals(pandas.RangeIndex(len(results)))


def test_one_wide_integer_makes_all_python_ints(folder):
    """A column has one type: where a part holds wider integers, all of it is Python ints."""
    write_results(folder, [1, 2, 2**70, 3], part_items=1)
    assert [frame["result"].dtype for frame in iter_results(folder)] == ["object"] * 4
    assert set(map(type, read_results(folder)["result"])) == {int}


def test_integers_beside_none_are_read_exactly(folder):
    """An integer is not rounded to a float because another item gave None."""
    write_results(folder, [2**53 + 1, None])
    first, second = read_results(folder)["result"].tolist()
    assert isinstance(first, int)
    assert first == 2**53 + 1
    assert pandas.isna(second)


def test_parts_of_different_types_are_not_rounded(folder):
    """Integers in one part and floats in another are refused or read exactly, never rounded."""
    try:
        write_results(folder, [2**53 + 1, 0.5], part_items=1)
        results = read_results(folder)["result"].tolist()
    except (TypeError, NoResults):
        return
    assert results == [2**53 + 1, 0.5]


@pytest.mark.parametrize("batch_items", [1, 3, 4, 7, 1000])
def test_batches_are_no_larger_than_asked_for(folder, batch_items):
    """Data larger than memory is read in batches of at most the size asked for, in order."""
    results = [number * number for number in range(50)]
    write_results(folder, results, part_items=9)
    frames = list(iter_results(folder, batch_items))
    assert all(1 <= len(frame) <= batch_items for frame in frames)
    whole = pandas.concat(frames, ignore_index=True)
    pandas.testing.assert_frame_equal(whole, read_results(folder))
    assert whole["result"].tolist() == results


def test_batches_are_read_when_they_are_asked_for(folder):
    """A reader of batches does not open a part before it comes to it."""
    write_results(folder, range(30), part_items=10)
    frames = iter_results(folder)
    assert next(frames)["result"].tolist() == list(range(10))
    (folder / "part-00002.parquet").unlink()
    assert next(frames)["result"].tolist() == list(range(10, 20))
    with pytest.raises(NoResults, match=r"part-00002\.parquet is missing"):
        next(frames)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9, 100])
@pytest.mark.parametrize("results", [[2**70, 1, 2, 5, 6, 7, 8, 9, 10], []], ids=["some", "none"])
def test_the_first_few_are_python_values(folder, results, count):
    """The first few results are exact Python values, and as many as there are."""
    write_results(folder, results, part_items=4)
    assert first_results(folder, count) == results[:count]


def test_the_first_few_do_not_need_the_rest(folder):
    """To see the first results, no later part is read."""
    write_results(folder, range(30), part_items=10)
    (folder / "part-00001.parquet").unlink()
    assert first_results(folder, 10) == list(range(10))


def test_results_of_an_earlier_version_are_refused(folder):
    """Results whose types were told in another way are not misread, of whatever type they are."""
    write_results(folder, [1, 2])
    manifest = folder / "_manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 4', '"format": 1'))
    with pytest.raises(NoResults, match=r"written in format 1, .* materialize the asset again"):
        read_results(folder)


def test_nothing_committed_is_no_results(folder):
    """Reading what was never made is an error that says what to do."""
    with pytest.raises(NoResults, match=f"{folder} holds no complete results: materialize"):
        read_results(folder)


@pytest.mark.parametrize("part_items", [10, 30])
def test_a_reader_completes_or_says_that_the_results_were_replaced(folder, part_items):
    """A reader that began before a commit gets the old results to their end, or a clear error."""
    write_results(folder, range(30), part_items=part_items)
    frames = iter_results(folder, 5)
    read = next(frames)["result"].tolist()
    write_results(folder, [0] * 30, part_items=part_items)
    try:
        read += [value for frame in frames for value in frame["result"]]
    except NoResults as error:
        assert "was replaced while it was being read" in str(error)  # noqa: PT017
        assert part_items == 10
    assert read == list(range(len(read)))
    assert read_results(folder)["result"].tolist() == [0] * 30


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", [0, 1])
def test_a_commit_at_any_moment_does_not_mix_old_and_new(folder, monkeypatch, moment, call):
    """A commit while a reader opens the results gives it the old, the new, or a clear error."""
    write_results(folder, [1, 2])
    load = Manifest.load
    calls = []

    def load_during_a_commit(path):
        calls.append(path)
        manifest = load(path) if moment == "after" else None
        if len(calls) == call + 1:
            write_results(folder, [2**70, 2**71])
        return manifest or load(path)

    monkeypatch.setattr(Manifest, "load", load_during_a_commit)
    try:
        assert read_results(folder)["result"].tolist() in ([1, 2], [2**70, 2**71])
    except NoResults as error:
        assert "was replaced while it was being read" in str(error)  # noqa: PT017


def test_a_missing_part_is_named(folder):
    """A part that is gone is an error that names it."""
    write_results(folder, range(30), part_items=10)
    (folder / "part-00001.parquet").unlink()
    with pytest.raises(NoResults, match=r"part-00001\.parquet is missing, though the manifest"):
        read_results(folder)


@pytest.mark.parametrize("size", [0, 3, 100, -1])
def test_a_truncated_part_is_named(folder, size):
    """A part that was cut short is an error that names it."""
    write_results(folder, range(1000))
    path = folder / "part-00000.parquet"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(NoResults, match=r"part-00000\.parquet is damaged .*: materialize"):
        read_results(folder)


def test_a_part_with_another_number_of_items_is_named(folder):
    """A part that is whole but not the one the manifest means is an error that names it."""
    write_results(folder, range(25), part_items=10)
    (folder / "part-00001.parquet").write_bytes((folder / "part-00002.parquet").read_bytes())
    with pytest.raises(NoResults, match=r"part-00001\.parquet is damaged .*: materialize"):
        read_results(folder)


@pytest.mark.parametrize(
    "results",
    [
        numpy.random.RandomState(0).randint(0, 2**62, 300).tolist(),
        [f"text {number * number}" for number in range(300)],
        [2**70 + number for number in range(300)],
    ],
    ids=["int", "str", "wide"],
)
def test_damaged_bytes_are_found(folder, results):
    """A part in which the disk has changed a byte is an error, or reads as it was; never other results."""
    write_results(folder, results)
    path = folder / "part-00000.parquet"
    good = path.read_bytes()
    for position in range(0, len(good), max(1, len(good) // 97)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x10]) + good[position + 1 :])
        try:
            read = read_results(folder)["result"].tolist()
        except NoResults:
            continue
        assert read == results
