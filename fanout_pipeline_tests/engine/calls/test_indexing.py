"""Every chunk learns the index of its first item, in whatever order chunks are counted."""

import threading
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.calls.indexing import CountedRanges, ThreadNumbering
from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.scattered.folder_numbering import FolderNumbering
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import Ledger
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.chance import examples


def chunk(number):
    return Chunk(number, number, number + 1)


@given(data=st.data(), counts=st.lists(st.integers(0, 5), max_size=12))
def test_first_indexes_do_not_depend_on_the_order_of_counting(data, counts):
    """Each chunk's first index is the sum of the counts before it, told once, as soon as it is known."""
    firsts = list(accumulate(counts, initial=0))
    ranges, told, counted = CountedRanges(), {0: 0}, set()
    for number in data.draw(st.permutations(range(len(counts)))):
        new = ranges.add(chunk(number), counts[number])
        assert not told.keys() & dict(new).keys()
        told.update(new)
        counted.add(number)
        known = next(n for n in range(len(counts) + 1) if n not in counted)
        assert told == {n: firsts[n] for n in range(known + 1)}
        assert all(ranges.first_index(chunk(n)) == told.get(n) for n in range(len(counts)))


@given(data=st.data(), counts=st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_a_range_may_be_counted_again_in_pieces(data, counts):
    """What is counted as a whole and then in pieces, in any order, gives every piece its index."""
    firsts = list(accumulate(counts, initial=0))
    ranges = CountedRanges()
    edges = st.integers(0, len(counts))
    for start, stop in data.draw(st.lists(st.tuples(edges, edges), max_size=8)):
        if start < stop and ranges.first_index(Chunk(0, start, stop)) is not None:
            ranges.add(Chunk(0, start, stop), firsts[stop] - firsts[start])
    for number in data.draw(st.permutations(range(len(counts)))):
        ranges.add(chunk(number), counts[number])
    assert [ranges.first_index(chunk(n)) for n in range(len(counts))] == firsts[:-1]


def test_a_thread_waits_for_the_counts_before_its_own():
    """A thread gets its first index once the earlier chunks are counted, and not before."""
    numbering, found = ThreadNumbering(), []
    numbering.counted(chunk(1), 5)
    thread = threading.Thread(target=lambda: found.append(numbering.first_index(chunk(1))))
    thread.start()
    thread.join(0.05)
    assert found == []
    numbering.counted(chunk(0), 3)
    thread.join(10)
    assert found == [3]
    assert numbering.first_index(chunk(0)) == 0


def test_a_stopped_run_wakes_those_that_wait():
    """A run that failed elsewhere leaves no thread waiting for a count that never comes."""
    numbering, raised = ThreadNumbering(), []

    def wait():
        try:
            numbering.first_index(chunk(1))
        except Stopped as stopped:
            raised.append(stopped)

    thread = threading.Thread(target=wait)
    thread.start()
    numbering.stop()
    thread.join(10)
    assert len(raised) == 1
    with pytest.raises(Stopped):
        numbering.first_index(chunk(2))


def test_what_is_known_stays_known_in_a_stopped_run():
    """A chunk whose place is known can still name a bad line after the run was stopped."""
    numbering = ThreadNumbering()
    numbering.counted(chunk(0), 3)
    numbering.stop()
    assert numbering.first_index(chunk(0)) == 0


@settings(deadline=None, max_examples=examples(30))
@given(
    data=st.data(),
    items=st.lists(st.integers(0, 10**6), max_size=40),
    chunks=st.integers(1, 8),
)
def test_processes_that_share_a_folder_agree(tmp_path_factory, data, items, chunks):
    """Steps that know of each other only by a folder get the same first indexes in any order."""
    folder = tmp_path_factory.mktemp("numbering")
    path = folder / "numbers.txt"
    path.write_text("".join(f"{item}\n" for item in items))
    source = IntegerLines(str(path))
    cut = source.cut(chunks)
    counts = [source.count(source.load(one)) for one in cut]
    for one in data.draw(st.permutations(cut)):
        numbering = FolderNumbering(folder, source)
        if data.draw(st.booleans()):
            numbering.counted(one, counts[one.number])
        assert numbering.first_index(one) == sum(counts[: one.number])


def test_a_count_is_not_made_twice(tmp_path):
    """A chunk that one process has counted is not read again by another."""
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n3\n4\n")
    source = IntegerLines(str(path))
    cut = source.cut(2)
    assert FolderNumbering(tmp_path, source).first_index(cut[1]) == 2
    path.unlink()
    assert FolderNumbering(tmp_path, source).first_index(cut[1]) == 2


def test_a_chunk_of_which_all_fails_asks_for_its_place_once(tmp_path, monkeypatch):
    """A failed item costs the same however many chunks lie before it."""
    (tmp_path / "numbers.txt").write_text("".join(f"{n}\n" for n in range(100)))
    spec = FanoutSpec("numbers", IntegerLines(str(tmp_path / "numbers.txt")), fails)
    target = ResultFolder(tmp_path / "numbers" / "steps")
    options = Options(1, "any", failures=FailurePolicy(on_error="quarantine"))
    scattered = ScatteredRun.join("steps", spec, target.path, options, "a run", chunks=4)
    last = scattered.scatter()[3]
    asked = []
    first_index = FolderNumbering.first_index

    def counted(numbering, chunk):
        asked.append(chunk.number)
        return first_index(numbering, chunk)

    monkeypatch.setattr(FolderNumbering, "first_index", counted)
    scattered.run_chunk(last.start, last.stop)
    assert Ledger.read(target.generation("a run")).finished[0].part.failed > 20
    assert len(asked) <= 2


def fails(item):
    raise ValueError(item)
