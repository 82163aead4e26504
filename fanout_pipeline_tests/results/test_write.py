"""Results are written as parts that other programs can read, whole or not at all."""

import os
import subprocess
from dataclasses import replace

import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import read_results, write_results
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.failed_items import failed_items
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.types.arrow_types import to_python
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.results.layout import generations


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "squares" / "serial"


def stored(path, kind):
    """The index and the results, of this kind, in a part's file."""
    table = parquet.read_table(path)
    column = table["result"].combine_chunks()
    return table["index"].to_pylist(), to_python(column, kind)


@pytest.mark.parametrize(
    "results",
    [
        [1, -2, 3],
        [2**63, -(10**5000), 0],
        [0.5, float("-inf")],
        ["a", "", "€"],
        [True, False],
        [None, None],
        [1, None],
        [[1, 2], []],
        [],
    ],
    ids=["int", "wide", "float", "str", "bool", "None", "int or None", "list", "empty"],
)
def test_a_part_holds_the_results_and_their_indexes(tmp_path, results):
    """A part is one Parquet file of `index` and `result`, with the results as they were."""
    record = write_part(LocalGeneration(tmp_path), 3, 1000, results)
    index, back = stored(tmp_path / "part-00003.parquet", record.kind)
    assert index == list(range(1000, 1000 + len(results)))
    assert len(back) == len(results)
    assert all(map(same, back, results))
    assert os.listdir(tmp_path) == ["part-00003.parquet"]
    assert (record.number, record.first_index, record.items) == (3, 1000, len(results))
    assert record.bytes == (tmp_path / "part-00003.parquet").stat().st_size
    assert record.pid == os.getpid()


def same(one, other):
    # Apart from assert, whose failure would print integers that Python refuses to print.
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([1, 0, 2], pyarrow.int32()),
        pyarrow.array([1, 0, 2], pyarrow.uint64()),
        pyarrow.array([0.5, 1], pyarrow.float32()),
        pyarrow.array([True, None]),
        pyarrow.array(["a", "b"]),
        pyarrow.array([1, None], pyarrow.date32()),
        pyarrow.array([], pyarrow.int64()),
    ],
    ids=lambda column: str(column.type),
)
def test_an_arrow_array_is_written_as_it_is(tmp_path, column):
    """A batch function's Arrow array is stored with its own type."""
    write_part(LocalGeneration(tmp_path), 0, 0, column)
    assert parquet.read_table(tmp_path / "part-00000.parquet")["result"].combine_chunks() == column


def test_unsigned_integers_beyond_int64_are_written(tmp_path):
    """Unsigned 64-bit results of a batch function are stored exactly."""
    results = [1, 2**63, 2**64 - 1]
    write_part(LocalGeneration(tmp_path), 0, 0, pyarrow.array(results, pyarrow.uint64()))
    assert stored(tmp_path / "part-00000.parquet", "uint64")[1] == results


def test_refused_results_leave_no_file(tmp_path):
    """Results that no column holds are a TypeError, and no part is there."""
    with pytest.raises(TypeError):
        write_part(LocalGeneration(tmp_path), 0, 0, [1, 0.5])
    assert os.listdir(tmp_path) == []


def test_the_index_of_an_odd_result_counts_what_is_left_out(tmp_path):
    """The item named is that of the input: items before it that have no row count, too."""
    with pytest.raises(TypeError, match="item 103 is the first that differs"):
        write_part(LocalGeneration(tmp_path), 0, 100, [1, "a"], omitted=[0, 2])


def test_what_parquet_cannot_hold_is_refused(tmp_path):
    """A batch function's Arrow array of a type that Parquet lacks is a TypeError that names it."""
    column = pyarrow.array([(1, 2, 3)], pyarrow.month_day_nano_interval())
    with pytest.raises(TypeError, match="month_day_nano_interval"):
        write_part(LocalGeneration(tmp_path), 0, 0, column)
    assert os.listdir(tmp_path) == []


def test_results_of_another_type_end_the_iteration(folder):
    """Of results that come slowly no more is asked for once a part does not fit to those before."""
    asked = []

    def results():
        for number in range(100):
            asked.append(number)
            yield number if number < 20 else float(number)

    with pytest.raises(TypeError, match=r"float and int; .*the part that begins with item 20\)"):
        write_results(folder, results(), part_items=10)
    assert len(asked) == 30


def test_any_iterable_becomes_a_result_folder(folder):
    """Results from other code, such as a generator, are stored in parts and read back in order."""
    manifest = write_results(folder, (n * n for n in range(25)), strategy="mine", part_items=10)
    assert [part.items for part in manifest.parts] == [10, 10, 5]
    assert manifest.strategy == "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "_manifest.json",
        "part-00000.parquet",
        "part-00001.parquet",
        "part-00002.parquet",
    ]
    assert stored(folder / "part-00001.parquet", "int64") == (
        list(range(10, 20)),
        [n * n for n in range(10, 20)],
    )
    assert read_results(folder)["result"].tolist() == [n * n for n in range(25)]


def test_no_results_are_results(folder):
    """An empty input gives an empty result folder, not a missing one."""
    assert write_results(folder, []).items == 0
    assert len(read_results(folder)) == 0


def test_earlier_results_stay_when_the_iterable_raises(folder):
    """An iterable that fails in the middle leaves the earlier results, and nothing of its own."""

    def failing():
        yield from range(25)
        raise ValueError("no more")

    write_results(folder, [1, 2])
    with pytest.raises(ValueError, match="no more"):
        write_results(folder, failing(), part_items=10)
    assert read_results(folder)["result"].tolist() == [1, 2]
    assert generations(folder) == {folder.resolve()}


def test_earlier_results_stay_when_the_disk_is_full(tmp_path):
    """A full disk is an error that says so; the earlier results stay, and the room is given back."""
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        folder = tmp_path / "squares" / "serial"
        write_results(folder, [1, 2])
        there = sorted(tmp_path.rglob("*"))
        with pytest.raises(
            CannotWrite, match=r"part-\d+\.parquet: .*The disk is full: free some space"
        ):
            write_results(folder, [os.urandom(10_000) for _ in range(100)], part_items=5)
        assert read_results(folder)["result"].tolist() == [1, 2]
        assert sorted(tmp_path.rglob("*")) == there
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_other_programs_read_the_parts_in_order(folder):
    """The parts, sorted by name, are the results in order, and so is the folder for pyarrow."""
    with ResultFolder(folder).writing() as generation:
        parts = [write_part(generation, n, 2 * n, [n, None]) for n in range(12)]
        parts[3] = replace(parts[3], failed=1)
        with failed_items(generation, 3) as write:
            write(
                dict.fromkeys(("where", "item", "error_type", "message", "traceback"), "")
                | {"index": 7}
            )
        ResultFolder(folder).commit(generation, Manifest("serial", tuple(parts)))
    assert (folder / "_failures.parquet").exists()
    for paths in (sorted(folder.glob("part-*.parquet")), folder):
        assert parquet.read_table(paths)["index"].to_pylist() == list(range(24))
    assert all(path.name[0] == "_" for path in folder.iterdir() if not path.match("part-*.parquet"))
