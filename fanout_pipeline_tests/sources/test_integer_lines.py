"""Any text of integers, cut anywhere, reads as `[int(line) for line in file]` does, or as an error."""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pyarrow  # noqa: F401  (as a process has it that writes parts)
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import IntegerLines
from fanout_pipeline.sources import integer_lines
from fanout_pipeline.sources.integer_lines import Integers
from fanout_pipeline.sources.source import BadInput, Chunk, Unreadable
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

ROOT = Path(__file__).parents[2]

digits = st.one_of(
    st.integers(0, 10**6).map(str),
    st.integers(2**62, 2**200).map(str),
    st.text("0123456789", min_size=1, max_size=30),
    st.from_regex(r"[0-9]{1,4}(_[0-9]{1,4}){1,3}", fullmatch=True),
    st.text("٠١٢٣٤٥٦٧٨٩", min_size=1, max_size=8),
    st.text("०१२५९", min_size=1, max_size=8),
    st.integers(1000, 4000).map(lambda length: "7" * length),
)
spaces = st.text(" \t\x0b\x0c\x85\xa0\u2003\u2028", max_size=2)
lines = st.builds("".join, st.tuples(spaces, st.sampled_from(["", "", "-", "+"]), digits, spaces))
ends = st.sampled_from(["\n", "\n", "\r\n"])


@st.composite
def texts(draw):
    text = "".join(line + end for line, end in draw(st.lists(st.tuples(lines, ends), max_size=25)))
    return text.rstrip("\r\n") if draw(st.booleans()) else text


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("source") / "numbers.txt"


def source_of(path, content):
    path.write_bytes(content)
    return IntegerLines(str(path))


@settings(deadline=None)
@given(text=texts(), chunks=st.integers(1, 60))
@example(text="1" * 4000 + "\n2", chunks=50)
@example(text="", chunks=3)
@example(text="1\n2\n3\n", chunks=3)
def test_chunks_together_are_the_file(path, text, chunks):
    """However many chunks there are, their items are the file's lines, in order, as int() reads them."""
    source = source_of(path, text.encode())
    with open(path, encoding="utf-8") as file:
        expected = [int(line) for line in file]
    assert read(source, chunks) == expected
    assert sum(len(source.read(chunk)) for chunk in source.chunks(chunks)) == len(expected)


@settings(deadline=None, max_examples=examples(50))
@given(text=texts(), chunks=st.integers(1, 5))
def test_a_batch_holds_the_same_items(path, text, chunks):
    """A batch function gets exactly the items, as int64 where they fit and as Python ints else."""
    source = source_of(path, text.encode())
    for items in map(source.read, source.chunks(chunks)):
        batch = items.as_batch()
        assert batch.tolist() == list(items)
        fit = all(-(2**63) <= item < 2**63 for item in items)
        assert batch.dtype == ("int64" if fit else "object")
        if fit:
            assert items.as_arrow()["item"].to_pylist() == list(items)


@settings(deadline=None)
@given(size=st.integers(0, 10**6), chunks=st.integers(1, 1000))
def test_ranges_follow_one_another(path, size, chunks):
    """Chunks are numbered ranges from the first byte to the last without gap or overlap."""
    path.write_bytes(b"")
    os.truncate(path, size)
    cut = IntegerLines(str(path)).chunks(chunks)
    assert 1 <= len(cut) <= chunks
    assert [chunk.number for chunk in cut] == list(range(len(cut)))
    assert [chunk.start for chunk in cut] == [0, *(chunk.stop for chunk in cut[:-1])]
    assert cut[-1].stop == size


def test_cutting_does_not_read(tmp_path):
    """A file of a terabyte is cut at once, for its bytes are not looked at."""
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 2**40)
    cut = IntegerLines(str(path)).chunks(4)
    assert cut[3] == Chunk(3, 3 * 2**38, 2**40)


def oracle(text):
    """The items, or the number of the first line that int() does not read."""
    items = []
    for number, line in enumerate(io.StringIO(text), 1):
        try:
            items.append(int(line))
        except ValueError:
            return number
    return items


def outcome(parse, raw):
    """The items, or the number of the first line that cannot be read."""
    try:
        return list(parse(raw))
    except ValueError:
        items = IntegerLines("numbers.txt").parse_each(raw)
        return next(n for n, item in enumerate(items, 1) if type(item) is Unreadable)


plain = st.one_of(
    st.text("0123456789-\n", max_size=40),
    st.lists(st.integers() | st.just(""), max_size=10).map(
        lambda items: "\n".join(map(str, items))
    ),
    st.lists(st.from_regex(r"-?[0-9]{1,25}", fullmatch=True), max_size=10).map("\n".join),
)


def parse_without_arrow(raw):
    with patch.dict(sys.modules):
        del sys.modules["pyarrow"]
        return IntegerLines("numbers.txt").parse(raw)


WAYS = {"with Arrow": IntegerLines("numbers.txt").parse, "without": parse_without_arrow}


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=examples(300))
@given(text=plain)
@example(text=f"{2**63 - 1}\n{-(2**63)}\n")
@example(text=f"{2**63}\n")
@example(text="\n")
@example(text="1\n\n2\n")
@example(text="-\n")
@example(text="-0\n007\n-007")
def test_the_fast_and_the_exact_parser_agree_with_int(way, text):
    """Plain digits give what int() gives and fail on the line where int() fails, whichever parser reads them."""
    assert outcome(WAYS[way], text.encode()) == oracle(text)


def test_plain_digits_are_parsed_by_arrow():
    """A file of plain integers goes through the parser of whole words, and one with a '+' does not."""
    assert type(WAYS["with Arrow"](b"12\n-3")) is Integers
    assert type(WAYS["with Arrow"](b"+12\n")) is list


@pytest.mark.parametrize("block", [1, 2, 5, 16, 64])
@settings(deadline=None, max_examples=examples(60))
@given(text=plain)
@example(text="1\n-2\n333\n\n")
def test_a_chunk_larger_than_a_block_is_the_same(block, text):
    """What Arrow would refuse in one piece, over 2 GiB, is parsed in several: the items are the same."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(integer_lines, "_BLOCK_BYTES", block)
        assert outcome(WAYS["with Arrow"], text.encode()) == oracle(text)


def test_blocks_are_parsed_the_fast_way(monkeypatch):
    """Of several blocks, too, unless a line reaches over more than two."""
    monkeypatch.setattr(integer_lines, "_BLOCK_BYTES", 8)
    source = IntegerLines("numbers.txt")
    items = source.parse(b"12\n-3\n4567\n" * 100)
    assert (type(items), list(items)) == (Integers, [12, -3, 4567] * 100)
    assert source.parse(b"123456789012345678\n-3") == [123456789012345678, -3]


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        (b"", "is blank", "''"),
        (b" \t", "is blank", r"' \t'"),
        (b"twelve", "is not an integer", "'twelve'"),
        (b"1.5", "is not an integer", "'1.5'"),
        (b"1e3", "is not an integer", "'1e3'"),
        (b"12 13", "is not an integer", "'12 13'"),
        (b"0x10", "is not an integer", "'0x10'"),
        (b"--5", "is not an integer", "'--5'"),
        (b"1\x002", "is not an integer", r"'1\x002'"),
        (b"\xef\xbb\xbf5", "is not an integer", r"'\ufeff5'"),
        (b"7\xff8", "is not UTF-8 (byte 0xff at position 1)", "7"),
        (b"9" * 5000, "has more digits than Python reads", f"'{'9' * 40}'… (5,000 bytes)"),
        (b"no limit", "is not an integer", "'no limit'"),
    ],
)
@pytest.mark.parametrize("chunks", [1, 7])
def test_a_bad_line_is_named(path, line, reason, text, chunks):
    """A line that is no integer is an error that names the file, the line in the whole file, and the text."""
    good = b"".join(b"%d\n" % number for number in range(1000))
    source = source_of(path, good + line + b"\n" + good)
    with pytest.raises(BadInput) as caught:
        read(source, chunks)
    message = str(caught.value)
    assert f"line 1001 of {path} {reason}" in message
    assert text in message
    assert len(message) < len(str(path)) + 300


@pytest.mark.parametrize("line", [b"5\r6", b"\r5", b"5\r\r", b" \r 5"])
def test_a_lone_carriage_return_is_an_error(path, line):
    """A carriage return that is not part of a line's end is an error, not a blank."""
    source = source_of(path, b"1\n" + line + b"\n")
    with pytest.raises(BadInput, match=f"line 2 of {path}"):
        read(source, 1)


operations = pytest.mark.parametrize(
    "operation",
    [
        IntegerLines.version,
        IntegerLines.examine,
        lambda source: source.chunks(2),
        lambda source: source.read(Chunk(0, 0, 5)),
    ],
    ids=["version", "examine", "chunks", "read"],
)


@operations
def test_a_missing_file_is_named(tmp_path, operation):
    """A file that is not there is an error that names it and says how to get it."""
    path = tmp_path / "none.txt"
    with pytest.raises(BadInput, match=f"Cannot read {path}: No such file.*Put the file there"):
        operation(IntegerLines(str(path)))


@operations
def test_a_folder_in_place_of_the_file_is_named(tmp_path, operation):
    """A folder where the file should be is an error that says so."""
    with pytest.raises(BadInput, match=f"{tmp_path}.*(folder|Is a directory)"):
        operation(IntegerLines(str(tmp_path)))


AS_NOBODY = """
import hashlib, numpy, os, sys  # what it imports must be there before it becomes nobody
from fanout_pipeline.sources.source import BadInput, Chunk
from fanout_pipeline import IntegerLines
from fanout_pipeline.sources import integer_lines
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
source = IntegerLines(sys.argv[1])
for operation in (source.examine, lambda: source.read(Chunk(0, 0, 2))):
    try:
        operation()
    except BadInput as error:
        print(error)
"""


def test_a_file_that_may_not_be_read_is_named():
    """A file without the right to read it is an error that names it and says what to do."""
    # Not tmp_path, which only its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "numbers.txt"
        path.write_text("1\n")
        path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, path],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    advice = "Give the user that runs Dagster the right to read it."
    assert done.stdout.splitlines() == [f"Cannot read {path}: Permission denied. {advice}"] * 2


def test_the_hash_is_of_the_bytes(path):
    """An output can name the bytes that it was made from by path, size and SHA-256."""
    source = source_of(path, b"1\r\n2")
    version = source.examine()
    assert (str(source), version.size) == (str(path), 4)
    assert version.identity == version.hash == hashlib.sha256(b"1\r\n2").hexdigest()
    assert version.token == source.version().token


def test_a_path_is_taken_relative_to_the_data_root(tmp_path):
    """A source under a data root is that root's file, unless its own path is absolute."""
    assert IntegerLines("a/b.txt").under(tmp_path) == IntegerLines(str(tmp_path / "a/b.txt"))
    assert IntegerLines("/a/b.txt").under(tmp_path) == IntegerLines("/a/b.txt")


@pytest.mark.parametrize("content", [b"1\n\r", b"\r", b"1\r\n\r"])
def test_a_carriage_return_alone_is_no_line_to_be_dropped(path, content):
    """A last line that is nothing but a CR is refused, as the blank line that it is to Python."""
    source = source_of(path, content)
    with pytest.raises(BadInput, match="carriage return"):
        read(source)


@pytest.mark.parametrize("content", [b"1\n-2\n3\n", b"1\n-2\n3", b"1\r\n-2\r\n3"])
@pytest.mark.parametrize("items", [0, 1, 2, 3, 4, 7, 25_000])
def test_a_head_has_exactly_so_many_items(path, tmp_path, content, items):
    """A file of any number of items is made of the first ones, repeated where they are too few."""
    head = source_of(path, content).head(items, tmp_path / "head.txt")
    assert head == IntegerLines(str(tmp_path / "head.txt"))
    assert read(head, 3) == ([1, -2, 3] * (items // 3 + 1))[:items]
    assert path.read_bytes() == content


def test_an_empty_file_has_an_empty_head_only(path, tmp_path):
    """Whoever wants items of a file without any is told so, and does not wait for ever."""
    source = source_of(path, b"")
    assert read(source.head(0, tmp_path / "head.txt"), 1) == []
    with pytest.raises(BadInput, match=f"{path} is empty"):
        source.head(1, tmp_path / "head.txt")


def test_a_head_of_a_missing_file_names_it(tmp_path):
    """A file that is not there is named, with what to do."""
    with pytest.raises(BadInput, match=r"none.txt: No such file.*Put the file there"):
        IntegerLines(str(tmp_path / "none.txt")).head(1, tmp_path / "head.txt")
