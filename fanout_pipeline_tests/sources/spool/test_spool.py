"""A spool gives what its feed gave, as it comes, and knows a feed again."""

import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout_pipeline import BadInput, Chunk, Version
from fanout_pipeline.sources.objects import InMemory
from fanout_pipeline.sources.spool import spool as spool_module
from fanout_pipeline.sources.spool.feed import Feed, Group, feed_of
from fanout_pipeline.sources.spool.index import read_index
from fanout_pipeline.sources.spool.packed import Packed
from fanout_pipeline.sources.spool.settled import settled
from fanout_pipeline.sources.spool.spool import DATA, INDEX, Spool
from fanout_pipeline_tests.processes import until


def arrived(spool):
    """All that the feed gives."""
    deadline = time.monotonic() + 120
    while not (found := spool.arrived).ended:
        assert time.monotonic() < deadline
        spool.wait(found.units, 0.1)
    return found.units


class Lengths(Feed):
    """Feeds the characters of texts as groups."""

    def __init__(self, texts, is_open=False):
        self.texts = texts
        self.is_open = is_open

    def reader(self, files):
        return Packed(files, "texts")

    def groups(self):
        for number, text in enumerate(self.texts):
            is_open = self.is_open and number == len(self.texts) - 1
            yield Group(text.encode(), len(text), 1, is_open)


@given(st.lists(st.integers() | st.text(max_size=20) | st.binary(max_size=9), max_size=40))
@example([])
@example([{"a": [1, None]}, "x" * 400_000, (1, 2.5), b"", None])
def test_what_was_given_is_read_in_any_range(items):
    """Items come back as they were, wherever a chunk is cut, with their indexes."""
    with settled_in_temporary(items) as source:
        assert source.examine().items == len(items)
        for start in range(0, len(items), 7):
            for stop in range(start, len(items) + 1, 5):
                found = source.read(Chunk(0, start, stop))
                assert list(found) == items[start:stop]
                assert found.first_index == start


@contextmanager
def settled_in_temporary(items):
    with (
        tempfile.TemporaryDirectory() as folder,
        settled(InMemory(items), Path(folder, "spool")) as source,
    ):
        yield source


def test_what_has_arrived_is_there_while_the_rest_is_not(tmp_path):
    """Items are read before the next is asked for, however long that one takes."""
    go_on = threading.Event()

    def items():
        yield "first"
        assert go_on.wait(120)
        yield "second"

    with Spool(feed_of(InMemory(items())), tmp_path) as spool:
        spool.wait(0, 120)
        assert spool.arrived == (1, False, None)
        assert list(spool.source.read(Chunk(0, 0, 1))) == ["first"]
        go_on.set()
        assert arrived(spool) == 2
        assert list(spool.source.read(Chunk(0, 0, 2))) == ["first", "second"]


def test_an_iterator_is_not_consumed_far_ahead(tmp_path, monkeypatch):
    """As much is pulled as may wait to be taken, and goes on when it was; the disk does not fill up."""
    monkeypatch.setattr(spool_module, "AHEAD_BYTES", 1_000_000)
    pulled = []

    def items():
        for number in range(200):
            pulled.append(number)
            yield bytes(100_000)
            time.sleep(0.0005)

    with Spool(feed_of(InMemory(items())), tmp_path) as spool:
        until(lambda: spool.arrived.units >= 10)
        before = -1
        while len(pulled) > before:  # It has stopped.
            before = len(pulled)
            time.sleep(0.3)
        assert before < 200
        spool.taken(spool.arrived.units)
        until(lambda: len(pulled) > before)
        spool.let_run()
        assert arrived(spool) == 200


def test_a_feed_that_fails_says_what_had_arrived(tmp_path):
    """The error names how many items came before it, and these can be read."""

    def items():
        yield from range(2500)
        raise ConnectionError("the server is gone")

    with Spool(feed_of(InMemory(items())), tmp_path) as spool:
        with pytest.raises(
            BadInput, match=r"ConnectionError after 2,500 items: the server is gone"
        ):
            arrived(spool)
        assert list(spool.source.read(Chunk(0, 2400, 2500))) == list(range(2400, 2500))


def test_what_cannot_be_pickled_is_named(tmp_path):
    """By its place and type, with what to do."""
    message = r"item 3 of the list, a lock, cannot be pickled.*Give what it is made from"
    with (
        Spool(feed_of(InMemory([1, 2, threading.Lock(), 4])), tmp_path) as spool,
        pytest.raises(BadInput, match=message),
    ):
        arrived(spool)


def same(folder, texts, is_open=False):
    """How much of it is the same as in the run before, which has left its index."""
    spool = Spool(Lengths(texts, is_open), folder)
    spool.expect(10**9)
    with spool:
        while (units := spool.compared(1)) is None:
            pass
        arrived(spool)
    return units


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (["ab", "cd", "ef"], ["ab", "cd", "ef"], 6),
        (["ab", "cd", "ef"], ["abcdef", "gh"], 6),
        (["ab", "cd", "ef"], ["a", "bc", "d", "xx"], 4),
        (["ab", "cd", "ef"], ["ab", "cx", "ef"], 2),
        (["ab", "cd", "ef"], ["xb", "cd", "ef"], 0),
        (["ab", "cd", "ef"], ["ab", "cd"], 4),
        (["ab", "cd", "ef"], [], 0),
        ([], ["ab"], 0),
    ],
)
def test_a_feed_is_known_again_up_to_where_it_differs(tmp_path, before, now, expected):
    """However it is cut into groups; so a run reuses what another did of the same, and of no other."""
    same(tmp_path, before)
    assert same(tmp_path, now) == expected


@pytest.mark.parametrize(
    ("now", "is_open", "expected"), [(["ab", "cd"], True, 4), (["ab", "cdx"], False, 2)]
)
def test_an_item_that_goes_on_is_another(tmp_path, now, is_open, expected):
    """A last line without an end is not the same once more is written to it."""
    same(tmp_path, ["ab", "cd"], is_open=True)
    assert same(tmp_path, now, is_open) == expected


def test_a_run_that_dies_while_it_compares_loses_nothing(tmp_path):
    """What the run before it has left is compared with by the run after it."""
    same(tmp_path, ["ab", "cd", "ef"])
    spool = Spool(Lengths(["ab"]), tmp_path)
    spool.expect(6)
    with spool:
        until(lambda: spool.arrived.ended)
    spool = Spool(Lengths(["ab", "cd", "ef"]), tmp_path)
    spool.expect(6)
    with spool:
        until(lambda: spool.compared(0.1) == 6)
        spool.forget_before()
        arrived(spool)
    assert [record.units for record in read_index(tmp_path / INDEX)] == [2, 4, 6]


def test_the_hash_depends_on_the_items_alone(tmp_path):
    """Not on when they came, nor how many at a time: runs of the same are known to be of the same."""

    def slowly():
        for number in range(20):
            time.sleep(0.002)
            yield number

    hashes = set()
    for name, items in (("list", list(range(20))), ("generator", slowly())):
        (tmp_path / name).mkdir()
        with Spool(feed_of(InMemory(items)), tmp_path / name) as spool:
            arrived(spool)
            hashes.add(spool.version(Version("", 0)).hash)
    assert len(hashes) == 1


def test_nothing_is_unpickled_that_somebody_else_has_written(tmp_path):
    """Whoever may write to the folder cannot have code run by it."""
    with Spool(feed_of(InMemory(["a", "b"])), tmp_path) as spool:
        arrived(spool)
        data = tmp_path / DATA
        data.write_bytes(data.read_bytes().replace(b"a", b"c"))
        with pytest.raises(BadInput, match=r"_spool, which was read from the input, was changed"):
            spool.source.read(Chunk(0, 0, 2))
        assert spool.source.files.key.hex() not in repr(spool.source)
        assert (data.stat().st_mode & 0o077) == 0


def test_nothing_is_left(tmp_path):
    """No thread, and no copy of the input, also where the iterator would never have ended."""

    def endless():
        while True:
            yield time.sleep(0.001)

    with Spool(feed_of(InMemory(endless())), tmp_path) as spool:
        until(lambda: spool.arrived.units)
    until(lambda: not [one for one in threading.enumerate() if "fanout" in one.name])
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]
