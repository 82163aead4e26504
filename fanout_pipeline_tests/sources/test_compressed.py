"""Compressed text is read as it is read without: whatever is in it, wherever it is cut."""

import csv
import gzip
import io
import tempfile
from pathlib import Path

import pyarrow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout_pipeline import BadInput, Chunk, Csv, IntegerLines, TextLines
from fanout_pipeline.sources import compressed
from fanout_pipeline.sources.spool.settled import settled


def everything(source, size, step):
    """Items, indexes, batches, places and rests of all chunks of a length."""
    found = []
    for start in range(0, size, step):
        chunk = Chunk(0, start, min(size, start + step))
        items = source.read(chunk)
        values = list(items)
        found.append(
            (
                items.first_index,
                values,
                [source.locate(items.first_index + n).split(" of ")[0] for n in range(len(values))],
            )
        )
        if len(values) > 1:
            rest = items.rest(1)
            assert list(source.read(rest)) == values[1:]
            assert source.read(rest).first_index == items.first_index + 1
    return found


def flat(found):
    return [
        (first + n, value, place)
        for first, values, places in found
        for n, (value, place) in enumerate(zip(values, places, strict=True))
    ]


TEXT = st.lists(
    st.sampled_from([b"a", b"\n", b"\r\n", b"\xef\xbb\xbf", b"12", b"\xff", b'"', b",", b"\r"]),
    max_size=40,
).map(b"".join)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@given(st.lists(TEXT, min_size=1, max_size=3), st.integers(1, 9))
@example([b"", b"a\n\nb", b"c"], 1)
@example([b"\xef\xbb\xbf1\n2", b"\xef\xbb\xbf"], 2)
def test_lines(suffix, texts, step):
    """Lines, their numbers and files are those of the same files decompressed."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for kind in ("plain", "packed"):
            (root / kind).mkdir()
        for number, text in enumerate(texts):
            (root / "plain" / f"{number}").write_bytes(text)
            (root / "packed" / f"{number}{suffix}").write_bytes(_packed(text, suffix))
        plain = TextLines(str(root / "plain"))
        plain = plain.examined(plain.examine())
        expected = flat(everything(plain, plain.version().size, 10**6))
        with settled(TextLines(str(root / "packed")), root / "spool") as source:
            assert flat(everything(source, source.version().size, step)) == expected


def _packed(data, suffix):
    if suffix == ".gz":
        return gzip.compress(data, 1)
    return pyarrow.compress(data, codec="zstd", asbytes=True) if data else b""


FIELDS = st.sampled_from(["", "a", "b c", 'q"q', "x,y", "two\nlines", "cr\r\nlf", "naïve"])


@given(
    st.lists(st.lists(st.tuples(FIELDS, FIELDS), max_size=8), min_size=1, max_size=3),
    st.integers(1, 30),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
@example([[], [("a", "b")]], 3, True, "\n")
def test_records(files, step, ended, line_end):
    """Records of CSV, their numbers and lines are those of the same files decompressed, quoted line ends included."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for kind in ("plain", "packed"):
            (root / kind).mkdir()
        for number, rows in enumerate(files):
            text = io.StringIO()
            csv.writer(text, lineterminator=line_end).writerows([("one", "two"), *rows])
            data = text.getvalue().encode()
            data = data if ended else data.removesuffix(line_end.encode())
            (root / "plain" / f"{number}.csv").write_bytes(data)
            (root / "packed" / f"{number}.csv.gz").write_bytes(gzip.compress(data))
        plain = Csv(str(root / "plain"))
        plain = plain.examined(plain.examine())
        expected = flat(everything(plain, plain.version().size, 10**6))
        with settled(Csv(str(root / "packed")), root / "spool") as source:
            assert flat(everything(source, source.version().size, step)) == expected


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_of_any_size(tmp_path, monkeypatch, block):
    """However little is decompressed at a time, headers, quotes and characters are whole."""
    monkeypatch.setattr(compressed, "_BLOCK_BYTES", block)
    data = b'\xef\xbb\xbfone,two\n1,"a\n\nb"\n"2","\xc3\xa4"\n3,x'
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(data))
    with settled(Csv(str(tmp_path / "a.csv.gz"), columns=["two"]), tmp_path / "spool") as source:
        found = [value for chunk in source.chunks(5) for value in source.read(chunk)]
        assert found == ["a\n\nb", "ä", "x"]
        assert source.locate(2) == f"line 6 of {tmp_path / 'a.csv.gz'}"


def test_a_header_that_differs(tmp_path):
    """The error names both files, as of files that are not compressed."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv.gz").write_bytes(gzip.compress(b"one,two\n1,2\n"))
    (tmp_path / "in" / "b.csv.gz").write_bytes(gzip.compress(b"one,three\n1,2\n"))
    message = r"b\.csv\.gz has other columns than .*a\.csv\.gz"
    with (
        pytest.raises(BadInput, match=message),
        settled(Csv(str(tmp_path / "in")), tmp_path / "spool"),
    ):
        pass


def test_a_column_that_is_not_there(tmp_path):
    """The nearest is named."""
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"amount,two\n1,2\n"))
    source = Csv(str(tmp_path / "a.csv.gz"), columns=["amuont"])
    with pytest.raises(BadInput, match=r"'amuont'.*amount"), settled(source, tmp_path / "spool"):
        pass


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut short", "garbage after it", "no such file", "plain"])
def test_what_cannot_be_decompressed(tmp_path, suffix, damage):
    """The error names the file, how much text it gave, and what to do."""
    path = tmp_path / f"a.txt{suffix}"
    whole = _packed(b"1\n" * 100_000, suffix)
    data = {"cut short": whole[:-5], "garbage after it": whole + b"garbage!", "plain": b"1\n2\n"}
    if damage in data:
        path.write_bytes(data[damage])
    else:
        path.write_bytes(b"")
        path.unlink()
    source = IntegerLines(str(path))
    message = r"(cannot be decompressed after [\d,]+ bytes of text|No such file)"
    with pytest.raises(BadInput, match=message) as caught, settled(source, tmp_path / "spool"):
        pass
    assert str(path) in str(caught.value)


def test_members_and_frames_that_follow_one_another(tmp_path):
    """As `gzip` and `zstd` read them: one text."""
    for suffix in (".gz", ".zst"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(_packed(b"1\n2", suffix) + _packed(b"3\n4\n", suffix))
        with settled(IntegerLines(str(path)), tmp_path / "spool") as source:
            assert list(source.read(source.chunks(1)[0])) == [1, 23, 4]
