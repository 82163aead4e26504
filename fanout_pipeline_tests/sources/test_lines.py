"""A chunk of lines knows the index of its first line, whoever reads it and wherever it begins."""

import pickle

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import TextLines
from fanout_pipeline.sources import lines, one_file
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.chance import examples


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("source") / "lines.txt"


@settings(deadline=None, max_examples=examples(200))
@given(
    content=st.lists(st.sampled_from([b"\n", b"a", b"\r\n", "\ufeff".encode()]), max_size=30),
    block=st.integers(1, 9),
    cut=st.integers(0, 70),
)
@example([], 1, 0)
@example([b"\n"], 1, 1)
@example(["\ufeff".encode(), b"a", b"\n", b"a"], 2, 3)
def test_the_index_of_the_first_line(path, content, block, cut):
    """It is the number of lines that begin before the chunk, with an examined source and without."""
    path.write_bytes(b"".join(content))
    size = path.stat().st_size
    cut = min(cut, size)
    source = TextLines(str(path))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "COUNT_BYTES", block)
        patched.setattr(one_file, "COUNT_BYTES", block)
        before = len(source.read(Chunk(0, 0, cut)))
        examined = source.examined(source.examine())
        for one in (source, examined):
            assert one.read(Chunk(0, cut, size)).first_index == before


def test_what_was_counted_travels_but_is_no_part_of_the_source(path):
    """Sources of one file are equal and shown alike, whether or not they were examined."""
    path.write_text("a\nb\n")
    source = TextLines(str(path))
    examined = source.examined(source.examine())
    assert examined == source
    assert repr(examined) == repr(source) == f"TextLines(path={str(path)!r})"
    assert pickle.loads(pickle.dumps(examined)).line_ends == examined.line_ends == (0, 2)
    assert source.examine() == source.examine()


def test_lines_are_counted_without_being_parsed(path):
    """The number of a chunk's items is known though they cannot be read."""
    path.write_bytes(b"\xff\n" * 3 + b"last")
    items = TextLines(str(path)).read(Chunk(0, 0, 10))
    assert len(items) == 4
    assert list(items.unreadable) == [0, 1, 2]
    assert len(items) == 4
