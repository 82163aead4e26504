"""Parts get their names by their places in the input, in whatever order they were written."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import read_results
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.ledger import Identity, Ledger, begin
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.chance import examples


@pytest.fixture
def folder(tmp_path):
    return LocalGeneration(tmp_path)


def write(folder, counts, order):
    """Parts of so many items each, written in this order, which gives them their first numbers."""
    parts = PartCollector(folder)
    for number, place in enumerate(order):
        first = sum(counts[:place])
        results = list(range(first, first + counts[place]))
        parts.add(10 * place, 10 * place + 10, write_part(folder, number, first, results))
    return parts.in_order()


@settings(deadline=None, max_examples=examples(40))
@given(data=st.data(), counts=st.lists(st.integers(0, 3), min_size=1, max_size=12))
@example(None, [0, 0, 0])
@example(None, [2, 0, 1])
def test_parts_are_numbered_by_their_place(data, counts):
    """Files are numbered from 0 in the order of the input, without gaps and without empty ones."""
    places = list(range(len(counts)))
    order = data.draw(st.permutations(places)) if data else places[::-1]
    with TemporaryDirectory() as name:
        folder = LocalGeneration(Path(name))
        parts = write(folder, counts, order)
        assert [part.number for part in parts] == list(range(len(parts)))
        assert [part.items for part in parts] == ([c for c in counts if c] or [0])
        names = {f"part-{number:05d}.parquet" for number in range(len(parts))}
        assert {path.name for path in folder.path.iterdir()} == names
        Manifest("test", tuple(parts)).save(folder)
        frame = read_results(folder.path)
        assert frame["index"].tolist() == frame["result"].tolist() == list(range(sum(counts)))


def test_names_change_places(folder):
    """Each of two parts may have the name that the other is to get."""
    first, second = write(folder, [1, 2], [1, 0])
    assert (first.items, second.items) == (1, 2)
    assert (folder.path / "part-00001.parquet").stat().st_size == second.bytes


def test_parts_in_order_are_left_alone(folder):
    """Where the numbers are right from the beginning, no file is touched."""
    parts = PartCollector(folder)
    written = [write_part(folder, number, number, [number]) for number in range(3)]
    for part in written:
        parts.add(part.first_index, part.first_index + part.items, part)
    before = {path: path.stat().st_ctime_ns for path in folder.path.iterdir()}
    assert parts.in_order() == written
    assert {path: path.stat().st_ctime_ns for path in folder.path.iterdir()} == before


def test_a_part_of_another_type_is_not_told_of(folder):
    """What the ledger tells of fits together: the part that does not ends the run before it is told."""
    begin(folder, Identity({}))
    parts = PartCollector(folder)
    parts.add(10, 20, write_part(folder, 0, 2, [0.5]))
    parts.add(20, 30, write_part(folder, 1, 3, [None]))
    with pytest.raises(TypeError, match=r"float and int; .* the part that begins with item 0"):
        parts.add(0, 10, write_part(folder, 2, 0, [1, 2]))
    assert [one.start for one in Ledger.read(folder).finished] == [10, 20]


def test_no_parts_are_no_parts(folder):
    """A run without any part has none afterwards."""
    assert PartCollector(folder).in_order() == []


def test_what_a_dead_writer_has_left(folder):
    """Its part, its failed items and what it had not finished go; those of other numbers stay."""
    left = ["_part-00007.parquet.a1b2.tmp", "part-00007.parquet", "__failed-00007.parquet.c3.tmp"]
    others = ["part-00017.parquet", "part-00070.parquet", "_manifest.json", "_lock"]
    for name in left + others:
        (folder.path / name).touch()
    PartCollector(folder).discard(7)
    assert {path.name for path in folder.path.iterdir()} == set(others)
